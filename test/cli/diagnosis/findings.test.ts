import { expect, test } from "bun:test";

import type { Finding } from "../../../src/cli/diagnosis/finding.ts";
import { findingsOf } from "../../../src/cli/diagnosis/findings.ts";
import type { Replication } from "../../../src/db/admin/replication.ts";
import type { Health } from "../../../src/db/admin/health.ts";

/** Live pools of a version. */
const pools = (version: string, schemaVersion: number, count = 1) => ({
  ...{ version, schemaVersion },
  pools: count,
});

const well: Health = {
  serverVersion: 180_004,
  isReadOnly: false,
  isPooled: false,
  fullTablespaces: [],
  settings: {
    ...{ fsync: "on", full_page_writes: "on", autovacuum: "on", track_counts: "on" },
    ...{ synchronous_commit: "on", statement_timeout: "0", transaction_timeout: null },
    ...{ idle_in_transaction_session_timeout: "0", idle_session_timeout: "0" },
    ...{ default_transaction_read_only: "off", server_encoding: "UTF8" },
  },
  connections: { used: 4, most: 100 },
  oldestTransaction: 1_000,
  clockSkewMs: 900,
  roundTripMs: 1,
  schema: {
    name: "pdoflow",
    version: 7,
    compatibleSince: 5,
    known: 7,
    oldestUsable: 6,
    isOfThisBuild: true,
    forbidden: [],
    brokenIndexes: [],
  },
  tables: [{ name: "lease", live: 10, dead: 90_000, bytes: 1e6 }],
  blockers: [],
  silentPools: [],
  sharedDevices: [],
  poolsUp: 1,
  heartbeatTimeoutMs: 15_000,
  replication: { timeline: 1, standbys: 1, isSynchronous: true, isPatroni: false },
  poolVersions: [pools("1.2.0 (abc)", 7)],
  orphanedLeases: 0,
  openPostings: 3,
  passedBy: { postings: 0, example: null },
  ...{ failingSchedules: [], latePrunes: [], hasPrune: false, oldPostings: 9_000 },
  failingReceivers: [],
};
const unsent = (
  change: Partial<Health["failingReceivers"][number]>,
): Pick<Health, "failingReceivers"> => ({
  failingReceivers: [
    {
      ...{ receiver: "slack", failed: [9], dropped: 0, isSentSince: false },
      lastError: "it answered 410",
      ...change,
    },
  ],
});
const failing = (unposted: number, reason: string | null): Partial<Health> => ({
  failingSchedules: [{ name: "nightly", poster: "ada", unposted, reason }],
});
const setting = (name: string, value: string): Partial<Health> => ({
  settings: { ...well.settings, [name]: value },
});
const replicated = (change: Partial<Replication>): Partial<Health> => ({
  replication: {
    ...{ timeline: 1, standbys: 1, isSynchronous: true, isPatroni: false },
    ...change,
  },
});
const schema = (change: Partial<Health["schema"]>): Partial<Health> => ({
  schema: { ...well.schema, ...change },
});
const blocker = (kind: string, name: string) => ({
  blockers: [{ kind, name, who: "ada, psql", ageMs: 7_200_000 }],
});

test("a queue that a schedule prunes may be large", () =>
  expect(findingsOf({ ...well, hasPrune: true, oldPostings: 10_000 }, "1.2.0 (abc)")).toEqual([]));

test("if all is well, nothing is found", () => expect(findingsOf(well, "1.2.0 (abc)")).toEqual([]));

test.each<[Partial<Health>, Finding["kind"] | Finding["kind"][], RegExp]>([
  [failing(10, "the limit"), "problem", /schedule nightly of ada posted nothing; .* the limit/],
  [
    failing(0, null),
    "problem",
    /last ten times of the schedule nightly of ada had failed jobs see/,
  ],
  [{ latePrunes: ["old"] }, "problem", /the schedule old is due and no pool has pruned/],
  [{ latePrunes: ["old"], poolsUp: 0, openPostings: 0 }, "advice", /no pool has pruned/],
  [
    unsent({}),
    "problem",
    /^1 notification to the receiver slack failed .* 410 test .* send it again: .* retry 9 --fa/,
  ],
  [
    unsent({ failed: [9, 8, 7, 6, 5, 4], isSentSince: true, lastError: null }),
    "advice",
    /^6 .* 7 days; later ones were sent send the newest ones again: .* retry 9 8 7 6 5 --failed$/,
  ],
  [
    unsent({ failed: [], dropped: 2, lastError: null }),
    "problem",
    /^2 .* slack expired .* because no pool sent them in time start a pool .* --notify-from/,
  ],
  [unsent({ dropped: 1 }), ["problem", "problem"], /failed for good/],
  [{ oldPostings: 10_000 }, "advice", /10,000 or more postings ended more than 30 days ago/],
  [
    { tables: [{ name: "job", live: 1, dead: 0, bytes: 11 * 2 ** 30 }] },
    "advice",
    /9000 postings ended more than 30 days ago, and the queue has 11/,
  ],
  [{ serverVersion: 130_001 }, "problem", /PostgreSQL 13 is older than 14/],
  [{ isReadOnly: true }, "problem", /is read-only/],
  [{ isPooled: true }, "advice", /PgBouncer/],
  [{ connections: { used: 91, most: 100 } }, "advice", /91 of 100 connections/],
  [{ connections: { used: 98, most: 100 } }, "problem", /98 of 100 connections/],
  [replicated({ isSynchronous: false }), "advice", /loses the newest postings/],
  [replicated({ standbys: 0 }), "advice", /may wait forever/],
  [replicated({ isPatroni: true }), "advice", /pools stop their jobs after 12 s/],
  [{ clockSkewMs: -90_000 }, "advice", /90 s ahead of the server's/],
  [{ clockSkewMs: 90_000 }, "advice", /90 s behind the server's/],
  [{ oldestTransaction: 1_500_000_000 }, "problem", /1,500,000,000 transactions old/],
  [setting("fsync", "off"), "problem", /destroy the whole database/],
  [setting("full_page_writes", "off"), "problem", /corrupt pages/],
  [setting("autovacuum", "off"), "problem", /dead rows accumulate/],
  [setting("track_counts", "off"), "problem", /does not notice/],
  [setting("default_transaction_read_only", "on"), "problem", /nothing can be posted/],
  [setting("server_encoding", "LATIN1"), "problem", /it is LATIN1: .*encoding cannot store/],
  [setting("synchronous_commit", "off"), "advice", /run again/],
  [setting("statement_timeout", "30s"), "advice", /it is 30s/],
  [setting("transaction_timeout", "1min"), "advice", /it is 1min/],
  [setting("idle_in_transaction_session_timeout", "10s"), "advice", /it is 10s/],
  [setting("idle_session_timeout", "10s"), "advice", /reconnect/],
  [schema({ version: 0 }), "problem", /no schema "pdoflow"/],
  [
    schema({ version: 5 }),
    "problem",
    /at version 5, .* needs version 6 .*first, with: pdoflow migr/,
  ],
  [schema({ version: 6 }), "advice", /at version 6 of 7, .* upgrade it with: pdoflow migrate$/],
  [schema({ version: 8 }), "advice", /at version 8, .* for version 7 .* when convenient$/],
  [
    schema({ version: 9, compatibleSince: 8 }),
    "problem",
    /supports programs for its version 8 or newer.* 7 upgrade pdoflow on this machine$/,
  ],
  [schema({ forbidden: ["table job"] }), "problem", /lacks privileges on table job/],
  [schema({ brokenIndexes: ["job_ccnew"] }), "advice", /job_ccnew/],
  [{ tables: [{ name: "job", live: 1, dead: 200_000, bytes: 5e7 }] }, "advice", /200,000 dead/],
  [
    blocker("session", "77"),
    "problem",
    /77 \(ada, psql\) .* 2\.0 hours old.*terminate_backend\(77/,
  ],
  [blocker("prepared transaction", "x"), "problem", /rollback prepared 'x'/],
  [blocker("replication slot", "s"), "problem", /pg_drop_replication_slot\('s'\)/],
  [{ orphanedLeases: 2 }, "problem", /2 leases are active for pools that have ended/],
  [
    { passedBy: { postings: 2, example: "7: refused by the pool on n1: x" } },
    "advice",
    /for example/,
  ],
  [
    { fullTablespaces: [{ name: "small", reason: "No space left on device" }] },
    "problem",
    /tablespace small: No space left on device free some space/,
  ],
  [{ poolsUp: 0 }, "advice", /no pool is running/],
  [
    { poolVersions: [pools("1.10.0 (z)", 7), pools("1.1.0 (a)", 7, 2), pools("1.0.0 (b)", 6)] },
    ["advice", "advice"],
    /^older .*: 1 pool of 1\.0\.0 \(b\), 2 pools of 1\.1\.0 \(a\) upgrade them, the first one first/,
  ],
  [{ poolVersions: [pools("1.10.0 (z)", 7)] }, "advice", /^newer .* 1\.10\.0 .* on this machine/],
  [
    { poolVersions: [pools("1.2.0 (def)", 7)] },
    "advice",
    /^other builds than this .* 1\.2\.0 \(def\)/,
  ],
  [
    { ...schema({ version: 6 }), poolVersions: [pools("1.1.0 (a)", 6)] },
    ["advice", "advice"],
    /first upgrade 1 pool of 1\.1\.0 \(a\), then run: pdoflow migrate/,
  ],
  [
    { sharedDevices: [{ name: "gpu", devices: ["0", "1"], host: "n1", pools: [3, 7] }] },
    "advice",
    /pools 3 and 7 on n1 both offer gpu=0,1.*--resource gpu=0 and --resource gpu=1/,
  ],
  [
    { silentPools: [{ id: 3, host: "n1", pid: 9, role: "r", beatAgoMs: 61_000, leftMs: -1 }] },
    "problem",
    /pool 3 on n1 \(pid 9, role r\) has sent no heartbeat for 61 s/,
  ],
])("%p is found as %s", (change, kind, expected) => {
  const findings = findingsOf({ ...well, ...change }, "1.2.0 (abc)");
  expect(findings.map((each) => each.kind)).toEqual([kind].flat());
  const [finding] = findings;
  expect(`${finding?.found} ${finding?.remedy}`).toMatch(expected);
});
