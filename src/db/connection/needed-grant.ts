// The grant that a denied role lacks, from the message of the server: the role itself may not have
// the rights to look it up in the schema.
import { orList } from "../../domain/states.ts";

const readers = ["poster", "viewer", "operator"] as const;
const everybody = [...readers, "pool"] as const;
const all = [...everybody, "scaler"] as const;
type Kind = (typeof all)[number];
type Names = readonly [pattern: RegExp, kinds: readonly Kind[]];

/** As pdoflow.kind_calls has them. Only the owner can call any other. */
const functions: readonly Names[] = [
  [/^desired(_slots|_pools)?$/, all],
  [/^(pool_\w+|listen|share_of)$/, ["pool"]],
  [/^(post|post_(batch|sweep)|(begin|end|sign)_posting|add_(jobs|sweep)|next_span)$/, ["poster"]],
  [
    /^(pause|resume|cancel|retry|unblock|set_(limits|priority)|(set|delete|swap)_variable)$/,
    ["poster", "operator"],
  ],
  [/^(begin|end|continue)_flow$|^schedule(_flow)?$/, ["poster"]],
  [/^(pause|delete|run|backfill)_schedule$/, ["poster", "operator"]],
  [/^drain_pools$/, ["operator"]],
  [/^(running_jobs|ranges_of|fingerprint|failed_jobs|seqs_of|index_of|runs_of)$/, readers],
  [/^(each_outcome|has_ended|(runs|jobs|waiting|skips)_between|jobs|limit_room)$/, readers],
  [/^(status|posting_usage|get_variable|follow|upstream_of|read_results|stages_of)$/, readers],
  [/^(next_times|notifications_of|schedule_obstacle|prunes|usage_group)$/, readers],
  [/^(tolerated|has_begun|obstacle_of|edges_above|obstacles(_of)?|is_blocked)$/, everybody],
  [/^(blocked_of|edge_states)$/, everybody],
  [/^(ancestors|tree_ids|tree_of|faults_below|skip_root)$/, everybody],
  [/^(caller|is_owner|has_grant|sees_all|runs_all|reads_all|own_routes|run_routes)$/, everybody],
  [/^(refusal_of|lane_cursor|block_of|lines_of|max_bytes_of)$/, everybody],
  [/^(sweep_(lines|parts|number)|over_(lines|bytes|end))$/, everybody],
];

/** As pdoflow.kind_reads has them. Only the owner can read any other. */
const relations: readonly Names[] = [
  [/^migration$/, all],
  [/^(route|posting|lane|job|progress|lease|pool|refusal|edge|flow|child)$/, everybody],
  [
    /^(outcome|outcome_run|retry|permit|variable|job_status|failure|tally|usage_hour|profile)$/,
    readers,
  ],
  [/^(job_order|postings|jobs|outcomes|failures|pools|edges|flows|schedules?|fires?)$/, readers],
];

/** The kinds of grant that allow what the server denied; empty if only the owner may do it. */
export function kindsAllowing(what: string, name: string): readonly Kind[] {
  if (what === "schema") return everybody;
  const list = what === "function" ? functions : relations;
  return list.find(([pattern]) => pattern.test(name))?.[1] ?? [];
}

/**
 * Why the server denied a statement to `role`, which is null if it is not known, and the command
 * with which its owner allows it.
 */
export function describeNeededGrant(message: string, role: string | null): string {
  const [, what, name = ""] =
    /^permission denied for (database|schema|function|table|view) "?(\w+)/.exec(message) ?? [];
  if (what === undefined) {
    return "this role may not do that. Ask the owner of the queue or the database for a grant.";
  }
  if (what === "database") {
    const right = `create on database ${name} to ${role ?? "ROLE"}`;
    return `the queue is a new schema there. Ask the owner of the database to run: grant ${right};`;
  }
  const kinds = kindsAllowing(what, name);
  const [first = "", ...others] = kinds;
  if (first === "") return "only the owner of the queue may do that.";
  const ask = `Ask the owner of the queue to run: pdoflow grant --role ${role ?? "ROLE"} as`;
  const who = role === null ? "this role" : `the role ${role}`;
  if (others.length === 0) return `${who} lacks the grant "${first}". ${ask} ${first}.`;
  if (kinds === readers) {
    return `${who} may not read outcomes and schedules. ${ask} viewer, or as poster for its own.`;
  }
  return `${who} lacks a grant. ${ask} KIND, where KIND is ${orList(kinds)}.`;
}
