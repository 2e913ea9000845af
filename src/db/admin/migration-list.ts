import states from "../../../sql/tables/states.sql" with { type: "text" };
import granteeTable from "../../../sql/tables/grantee.sql" with { type: "text" };
import callerRoles from "../../../sql/roles/caller.sql" with { type: "text" };
import routeTable from "../../../sql/tables/route.sql" with { type: "text" };
import postingTable from "../../../sql/tables/posting.sql" with { type: "text" };
import laneTable from "../../../sql/tables/lane.sql" with { type: "text" };
import jobTable from "../../../sql/tables/job.sql" with { type: "text" };
import jobOrderTable from "../../../sql/tables/job_order.sql" with { type: "text" };
import flowTable from "../../../sql/tables/flow.sql" with { type: "text" };
import childTable from "../../../sql/tables/child.sql" with { type: "text" };
import edgeTable from "../../../sql/tables/edge.sql" with { type: "text" };
import outcomeRunTable from "../../../sql/tables/outcome_run.sql" with { type: "text" };
import spanTable from "../../../sql/tables/span.sql" with { type: "text" };
import prunedTable from "../../../sql/tables/pruned.sql" with { type: "text" };
import progressTable from "../../../sql/tables/progress.sql" with { type: "text" };
import leaseTable from "../../../sql/tables/lease.sql" with { type: "text" };
import retryTable from "../../../sql/tables/retry.sql" with { type: "text" };
import permitTable from "../../../sql/tables/permit.sql" with { type: "text" };
import poolTable from "../../../sql/tables/pool.sql" with { type: "text" };
import scheduleTable from "../../../sql/tables/schedule.sql" with { type: "text" };
import draftTable from "../../../sql/tables/draft.sql" with { type: "text" };
import postingKeyTable from "../../../sql/tables/posting_key.sql" with { type: "text" };
import jobKeyTable from "../../../sql/tables/job_key.sql" with { type: "text" };
import signatureTable from "../../../sql/tables/signature.sql" with { type: "text" };
import variableTable from "../../../sql/tables/variable.sql" with { type: "text" };
import refusalTable from "../../../sql/tables/refusal.sql" with { type: "text" };
import failureTable from "../../../sql/tables/failure.sql" with { type: "text" };
import tallyTable from "../../../sql/tables/tally.sql" with { type: "text" };
import usageHourTable from "../../../sql/tables/usage_hour.sql" with { type: "text" };
import profileTable from "../../../sql/tables/profile.sql" with { type: "text" };
import censusTable from "../../../sql/tables/census.sql" with { type: "text" };
import followedTable from "../../../sql/tables/followed.sql" with { type: "text" };
import liveOutputTable from "../../../sql/tables/live_output.sql" with { type: "text" };
import notifyEngine from "../../../sql/engine/notify.sql" with { type: "text" };
import optionsEngine from "../../../sql/engine/options.sql" with { type: "text" };
import routeEngine from "../../../sql/engine/route.sql" with { type: "text" };
import spanEngine from "../../../sql/engine/span.sql" with { type: "text" };
import flowEngine from "../../../sql/engine/flow.sql" with { type: "text" };
import childEngine from "../../../sql/engine/child.sql" with { type: "text" };
import treeEngine from "../../../sql/engine/tree.sql" with { type: "text" };
import expandEngine from "../../../sql/engine/expand.sql" with { type: "text" };
import edgeEngine from "../../../sql/engine/edge.sql" with { type: "text" };
import postEngine from "../../../sql/engine/post.sql" with { type: "text" };
import sweepEngine from "../../../sql/engine/sweep.sql" with { type: "text" };
import overEngine from "../../../sql/engine/over.sql" with { type: "text" };
import blockEngine from "../../../sql/engine/block.sql" with { type: "text" };
import cronEngine from "../../../sql/engine/cron.sql" with { type: "text" };
import fireEngine from "../../../sql/engine/fire.sql" with { type: "text" };
import fireFlowEngine from "../../../sql/engine/fire_flow.sql" with { type: "text" };
import scheduleEngine from "../../../sql/engine/schedule.sql" with { type: "text" };
import notificationEngine from "../../../sql/engine/notification.sql" with { type: "text" };
import limitEngine from "../../../sql/engine/limit.sql" with { type: "text" };
import leaseEngine from "../../../sql/engine/lease.sql" with { type: "text" };
import gatherEngine from "../../../sql/engine/gather.sql" with { type: "text" };
import claimEngine from "../../../sql/engine/claim.sql" with { type: "text" };
import claimLaneEngine from "../../../sql/engine/claim_lane.sql" with { type: "text" };
import claimRetriesEngine from "../../../sql/engine/claim_retries.sql" with { type: "text" };
import claimJobsEngine from "../../../sql/engine/claim_jobs.sql" with { type: "text" };
import claimSingleEngine from "../../../sql/engine/claim_single.sql" with { type: "text" };
import startEngine from "../../../sql/engine/start.sql" with { type: "text" };
import outcomeEngine from "../../../sql/engine/outcome.sql" with { type: "text" };
import recordEngine from "../../../sql/engine/record.sql" with { type: "text" };
import elementEngine from "../../../sql/engine/element.sql" with { type: "text" };
import failuresEngine from "../../../sql/engine/failures.sql" with { type: "text" };
import finishEngine from "../../../sql/engine/finish.sql" with { type: "text" };
import releaseEngine from "../../../sql/engine/release.sql" with { type: "text" };
import censusEngine from "../../../sql/engine/census.sql" with { type: "text" };
import rescueEngine from "../../../sql/engine/rescue.sql" with { type: "text" };
import controlEngine from "../../../sql/engine/control.sql" with { type: "text" };
import retryByHandEngine from "../../../sql/engine/retry_by_hand.sql" with { type: "text" };
import pruneEngine from "../../../sql/engine/prune.sql" with { type: "text" };
import posterApi from "../../../sql/api/poster.sql" with { type: "text" };
import operatorApi from "../../../sql/api/operator.sql" with { type: "text" };
import poolApi from "../../../sql/api/pool.sql" with { type: "text" };
import poolClaimApi from "../../../sql/api/pool_claim.sql" with { type: "text" };
import poolRecordApi from "../../../sql/api/pool_record.sql" with { type: "text" };
import poolReportApi from "../../../sql/api/pool_report.sql" with { type: "text" };
import flowApi from "../../../sql/api/flow.sql" with { type: "text" };
import scheduleApi from "../../../sql/api/schedule.sql" with { type: "text" };
import variablesApi from "../../../sql/api/variables.sql" with { type: "text" };
import scalerApi from "../../../sql/api/scaler.sql" with { type: "text" };
import usageApi from "../../../sql/api/usage.sql" with { type: "text" };
import viewsApi from "../../../sql/api/views.sql" with { type: "text" };
import grantsRoles from "../../../sql/roles/grants.sql" with { type: "text" };

/**
 * The whole schema, object by object. A file may use everything in the files before it; bodies of
 * functions are checked when they are called, so they may use everything.
 */
const baseline = [
  "set check_function_bodies = off;",
  states,
  granteeTable,
  callerRoles,
  routeTable,
  flowTable,
  postingTable,
  laneTable,
  edgeTable,
  childTable,
  jobTable,
  jobOrderTable,
  outcomeRunTable,
  spanTable,
  prunedTable,
  progressTable,
  leaseTable,
  retryTable,
  permitTable,
  poolTable,
  scheduleTable,
  draftTable,
  postingKeyTable,
  jobKeyTable,
  signatureTable,
  variableTable,
  refusalTable,
  failureTable,
  tallyTable,
  usageHourTable,
  profileTable,
  followedTable,
  censusTable,
  liveOutputTable,
  notifyEngine,
  optionsEngine,
  routeEngine,
  spanEngine,
  sweepEngine,
  overEngine,
  blockEngine,
  flowEngine,
  treeEngine,
  edgeEngine,
  postEngine,
  expandEngine,
  cronEngine,
  scheduleEngine,
  fireFlowEngine,
  fireEngine,
  notificationEngine,
  limitEngine,
  leaseEngine,
  gatherEngine,
  claimEngine,
  claimLaneEngine,
  claimRetriesEngine,
  claimJobsEngine,
  claimSingleEngine,
  startEngine,
  outcomeEngine,
  childEngine,
  recordEngine,
  elementEngine,
  failuresEngine,
  finishEngine,
  releaseEngine,
  rescueEngine,
  censusEngine,
  controlEngine,
  retryByHandEngine,
  pruneEngine,
  posterApi,
  flowApi,
  operatorApi,
  poolApi,
  poolClaimApi,
  poolRecordApi,
  poolReportApi,
  scheduleApi,
  variablesApi,
  usageApi,
  viewsApi,
  scalerApi,
  grantsRoles,
  "reset check_function_bodies;",
];

/** One step from a version of the schema to the next: sql/migrations/README.md. */
export interface Migration {
  name: string;
  sql: string;
  /**
   * The oldest schema version whose programs still work after it. Only a step that removes what
   * older programs use names one; after all others they work on.
   */
  compatibleSince?: number;
  /** Programs of its version also work before it, as with an index, or with what it removes. */
  isOptional?: boolean;
}

/**
 * In the order in which they apply; the number is the position in the list, from 1. Released ones
 * are fixed: see sql/migrations/README.md.
 */
export const migrations: readonly Migration[] = [{ name: "0001_queue", sql: baseline.join("\n") }];
