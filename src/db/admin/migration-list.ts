import queue from "../../../sql/0001_queue.sql" with { type: "text" };
import engine from "../../../sql/0002_engine.sql" with { type: "text" };
import outcomes from "../../../sql/0003_outcomes.sql" with { type: "text" };
import control from "../../../sql/0004_control.sql" with { type: "text" };
import retention from "../../../sql/0005_retention.sql" with { type: "text" };
import retries from "../../../sql/0006_retries.sql" with { type: "text" };
import limits from "../../../sql/0007_limits.sql" with { type: "text" };
import release from "../../../sql/0008_give_back.sql" with { type: "text" };
import byHand from "../../../sql/0009_by_hand.sql" with { type: "text" };
import spans from "../../../sql/0010_spans.sql" with { type: "text" };
import claimJobs from "../../../sql/0011_claim_jobs.sql" with { type: "text" };
import roles from "../../../sql/0012_roles.sql" with { type: "text" };
import grants from "../../../sql/0013_grants.sql" with { type: "text" };
import poolDoors from "../../../sql/0014_pool_doors.sql" with { type: "text" };
import postingParts from "../../../sql/0015_posting.sql" with { type: "text" };
import postingDoors from "../../../sql/0016_post.sql" with { type: "text" };
import sqlApi from "../../../sql/0017_sql_api.sql" with { type: "text" };
import sqlViews from "../../../sql/0018_sql_views.sql" with { type: "text" };
import numbers from "../../../sql/0019_numbers.sql" with { type: "text" };
import starts from "../../../sql/0020_starts.sql" with { type: "text" };
import jobKeys from "../../../sql/0021_job_keys.sql" with { type: "text" };
import follow from "../../../sql/0022_follow.sql" with { type: "text" };
import profile from "../../../sql/0023_profile.sql" with { type: "text" };
import signatures from "../../../sql/0024_signatures.sql" with { type: "text" };
import refusals from "../../../sql/0025_refusals.sql" with { type: "text" };
import routes from "../../../sql/0026_routes.sql" with { type: "text" };

/**
 * In the order in which they apply; number = place in the list, from 1. Released ones are fixed.
 */
export const migrations: readonly { name: string; sql: string }[] = [
  { name: "0001_queue", sql: queue },
  { name: "0002_engine", sql: engine },
  { name: "0003_outcomes", sql: outcomes },
  { name: "0004_control", sql: control },
  { name: "0005_retention", sql: retention },
  { name: "0006_retries", sql: retries },
  { name: "0007_limits", sql: limits },
  { name: "0008_give_back", sql: release },
  { name: "0009_by_hand", sql: byHand },
  { name: "0010_spans", sql: spans },
  { name: "0011_claim_jobs", sql: claimJobs },
  { name: "0012_roles", sql: roles },
  { name: "0013_grants", sql: grants },
  { name: "0014_pool_doors", sql: poolDoors },
  { name: "0015_posting", sql: postingParts },
  { name: "0016_post", sql: postingDoors },
  { name: "0017_sql_api", sql: sqlApi },
  { name: "0018_sql_views", sql: sqlViews },
  { name: "0019_numbers", sql: numbers },
  { name: "0020_starts", sql: starts },
  { name: "0021_job_keys", sql: jobKeys },
  { name: "0022_follow", sql: follow },
  { name: "0023_profile", sql: profile },
  { name: "0024_signatures", sql: signatures },
  { name: "0025_refusals", sql: refusals },
  { name: "0026_routes", sql: routes },
];
