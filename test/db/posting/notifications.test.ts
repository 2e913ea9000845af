// Notifications (P18, F4): which postings and flows that come to rest are reported, and what.
import { expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { draftChild } from "../../../src/db/engine/children.ts";
import { retryFailed } from "../../../src/db/engine/control.ts";
import { finishPostings, recordRuns, runOf } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import { beginFlow, transactionDb } from "../../../src/db/posting/flow.ts";
import type { NewPosting } from "../../../src/db/posting/insert.ts";
import { readStages } from "../../../src/db/read/flows.ts";
import { findPicked } from "../../../src/db/read/selection.ts";
import { flowState } from "../../../src/domain/flow-status.ts";
import { Notification, notificationEntryPoint } from "../../../src/domain/notification.ts";
import type { Edge } from "../../../src/domain/option-values.ts";
import { parse } from "../../../src/domain/parse.ts";
import { Notifier } from "../../../src/pool/session/notifier.ts";
import {
  cancel,
  entryPoint,
  hold,
  jobsOf,
  newPool,
  nth,
  outcome,
  postJobs,
  queueOfFile,
  record,
  recordPart,
  refusal,
  resume,
  take,
} from "../engine.ts";
import { withRoles } from "../roles/roles.ts";

const freshQueue = queueOfFile();
const error = JSON.stringify({ name: "RangeError", message: "too bright" });
const both = { onEnd: "end", onFailure: "failure", maxAttempts: 1 };

/** A pool runs the jobs that it can claim, other than notifications; the first N fail. */
async function runAll(db: Db, failing = 0): Promise<void> {
  const pool = await newPool(db);
  const routes = await db.sql<{ id: number }[]>`select id from pdoflow.route where needs = '[]'`;
  const jobs = jobsOf(await take(db, pool, { routes: routes.map(({ id }) => id) }));
  await recordPart(db, pool, jobs.slice(0, failing), { state: "failed", error });
  await record(db, pool, jobs.slice(failing));
  await finishPostings(db, [...new Set(jobs.map(({ postingId }) => postingId))]);
  await settle(db, null);
}

/** As the heartbeat of a pool does it; returns the number of notifications. */
const notify = (db: Db): Promise<number> =>
  new Notifier({ ask: async (statement) => await statement(db) }).notify(() => false);

/** What has been posted since the last call, as in "end: posting 1 failed 1". */
async function notified(db: Db): Promise<string[]> {
  await notify(db);
  const rows = await db.sql<{ id: number; args: string }[]>`
    select p.id, j.args from pdoflow.posting p join pdoflow.job j on j.posting_id = p.id
    where p.entry_point = ${notificationEntryPoint} order by p.id`;
  const all = rows.map(({ args }) => parse(Notification, JSON.parse(args), "a notification"));
  const texts = all.map(([name, , { kind, id, state, ending }]) => {
    return `${name}: ${kind} ${id} ${state} ${ending}`;
  });
  const before = seen.get(db) ?? 0;
  seen.set(db, texts.length);
  return texts.slice(before);
}
const seen = new WeakMap<Db, number>();

const bySql = (options: Partial<NewPosting>) => ({ ...both, ...options });

test("a posting that ends is reported once, also by pools that notify at the same moment", async () => {
  await using db = await freshQueue();
  const other = connect(db.target, { connections: 1 });
  const id = await postJobs(db, 2, both);
  expect(await notified(db)).toEqual([]);
  await runAll(db);
  const posted = await Promise.all([notify(db), notify(other), notify(db)]);
  await other.close();
  expect(posted.reduce((sum, each) => sum + each, 0)).toBe(1);
  expect(await notified(db)).toEqual([`end: posting ${id} done 1`]);
});

test("the report has the counts and the largest groups of failures, and no arguments", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 3, { ...both, name: "night" });
  await runAll(db, 2);
  await notify(db);
  const [row] = await db.sql<
    { args: string }[]
  >`select args from pdoflow.job where posting_id > ${id}`;
  const [name, webhookId, report] = parse(Notification, JSON.parse(row?.args ?? ""), "it");
  expect(name).toBe("end");
  expect(webhookId).toMatch(new RegExp(`^posting-${id}-1-[0-9a-f]{8}$`));
  expect(report).toMatchObject({
    ...{ kind: "posting", id, name: "night", state: "failed", entryPoint, flow: null },
    jobs: { total: 3, done: 1, failed: 2, cancelled: 0 },
    failures: [{ count: 2, name: "RangeError", message: "too bright" }],
  });
  expect(Object.keys(report)).not.toContain("args");
});

test("P18: a posting that is retried by hand and ends again is reported again", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 2, both);
  await runAll(db, 1);
  expect(await notified(db)).toEqual([
    `end: posting ${id} failed 1`,
    `failure: posting ${id} failed 1`,
  ]);
  await retryFailed(db, id, { indices: null, fingerprint: null });
  expect(await notified(db)).toEqual([]);
  await runAll(db);
  expect(await notified(db)).toEqual([`end: posting ${id} done 2`]);
});

test("--on-failure: stopped, blocked and past its deadline, not cancelled by a person", async () => {
  await using db = await freshQueue();
  const stopped = await postJobs(db, 2, bySql({}));
  await hold(db, stopped, "errored_out");
  expect(await notified(db)).toEqual([
    `end: posting ${stopped} stopped 1`,
    `failure: posting ${stopped} stopped 1`,
  ]);
  await resume(db, stopped);
  await cancel(db, stopped);
  expect(await notified(db)).toEqual([`end: posting ${stopped} cancelled 2`]);
  const late = await postJobs(db, 1, bySql({ deadline: new Date(Date.now() + 3_600_000) }));
  await db.sql`update pdoflow.posting set deadline = now() where id = ${late}`;
  await startDue(db);
  expect(await notified(db)).toContain(`failure: posting ${late} cancelled 1`);
  const first = await postJobs(db, 1, { maxAttempts: 1 });
  const after: Edge[] = [{ posting: first, kind: "after" }];
  const blocked = await postJobs(db, 1, bySql({ after }));
  await runAll(db, 1);
  expect(await notified(db)).toContain(`failure: posting ${blocked} blocked 1`);
  await retryFailed(db, first, { indices: null, fingerprint: null });
  await runAll(db);
  await runAll(db);
  expect(await notified(db)).toEqual([`end: posting ${blocked} done 2`]);
});

test("a stopped posting is reported once its last running job has ended", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 2, { ...both, onEnd: null });
  const jobs = jobsOf(await take(db, pool, { cap: 1 }));
  await hold(db, id, "errored_out");
  expect(await notified(db)).toEqual([]);
  await record(db, pool, jobs, { state: "failed", error });
  expect(await notified(db)).toEqual([`failure: posting ${id} stopped 1`]);
});

test("a posting whose jobs were skipped, because those of its upstream failed, has failed", async () => {
  await using db = await freshQueue();
  const first = await postJobs(db, 2, { maxAttempts: 1 });
  const [row] = await db.sql<{ id: number }[]>`
    select pdoflow.post(${entryPoint}, ${db.sql.json({ over: first })},
                        '{"onFailure": "failure"}') as id`;
  const id = row?.id ?? 0;
  await runAll(db, 1);
  await runAll(db);
  expect(await notified(db)).toEqual([`failure: posting ${id} failed 1`]);
  const [sent] = await db.sql<{ args: string }[]>`
    select args from pdoflow.job where posting_id > ${id}`;
  expect(sent?.args).toContain(`jobs were skipped because of ${first}: 1`);
});

test("a posting whose jobs have posted others is reported when these have ended", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const id = await postJobs(db, 1, both);
  const job = nth(jobsOf(await take(db, pool)), 0);
  const child = await draftChild(db, pool, job, {
    ...{ entryPoint, options: '{"maxAttempts": 1}', jobs: "[1]\n[2]", number: 0 },
  });
  await recordRuns(db, pool, [runOf(outcome(job), performance.now())], [job.leaseId], [child]);
  await finishPostings(db, [id]);
  expect(await notified(db)).toEqual([]);
  await runAll(db, 1);
  expect(await notified(db)).toEqual([
    `end: posting ${id} failed 1`,
    `failure: posting ${id} failed 1`,
  ]);
});

/** Posts a flow whose stages have two jobs each and wait for others, as in `{ b: ["a"] }`. */
const postFlow = (db: Db, graph: Record<string, readonly string[]>, kind: Edge["kind"] = "after") =>
  db.sql.begin(async (sql) => {
    const flowDb = transactionDb(db, sql);
    const own = { name: "night", osUser: "ada", onEnd: "end", onFailure: "failure" };
    const { flowId } = await beginFlow(flowDb, own);
    const ids: Record<string, number> = {};
    for (const [stage, upstreams] of Object.entries(graph)) {
      const after = upstreams.map((name): Edge => ({ posting: ids[name] ?? 0, kind }));
      ids[stage] = await postJobs(flowDb, 2, { flowId, stage, after, maxAttempts: 1 });
    }
    return { flowId, ids };
  });

const stateOf = async (db: Db, flow: number) =>
  flowState((await readStages(db, [flow])).get(flow) ?? []);

test("F4: a flow is reported when its last stage has ended, and again after a retry", async () => {
  await using db = await freshQueue();
  const { flowId, ids } = await postFlow(db, { a: [], b: [], c: ["a", "b"] });
  await runAll(db);
  expect(await notified(db)).toEqual([]);
  await runAll(db, 1);
  const failed = [`end: flow ${flowId} failed 1`, `failure: flow ${flowId} failed 1`];
  expect(await notified(db)).toEqual(failed);
  expect(await stateOf(db, flowId)).toBe("failed");
  await retryFailed(db, ids["c"] ?? 0, { indices: null, fingerprint: null });
  await runAll(db);
  expect(await notified(db)).toEqual([`end: flow ${flowId} done 2`]);
  // Another pool has read the list of postings before.
  const again = await db.sql<{ n: number }[]>`
    select pdoflow.pool_notify_flow(${flowId}) + pdoflow.pool_notify(${ids["c"] ?? 0}) as n`;
  expect(again[0]?.n).toBe(0);
});

test("F4: a flow is stuck when the stages that are left wait for failed or stopped ones", async () => {
  await using db = await freshQueue();
  const { flowId, ids } = await postFlow(db, { a: [], b: ["a"], c: ["b"] });
  await runAll(db, 1);
  const stuck = [`end: flow ${flowId} stuck 1`, `failure: flow ${flowId} stuck 1`];
  expect(await notified(db)).toEqual(stuck);
  expect(await stateOf(db, flowId)).toBe("stuck");
  await retryFailed(db, ids["a"] ?? 0, { indices: null, fingerprint: null });
  await runAll(db);
  await hold(db, ids["b"] ?? 0, "errored_out");
  expect(await notified(db)).toEqual(stuck.map((text) => text.replace("stuck 1", "stuck 2")));
  expect(await stateOf(db, flowId)).toBe("stuck");
  await resume(db, ids["b"] ?? 0);
  await runAll(db);
  await runAll(db);
  expect(await notified(db)).toEqual([`end: flow ${flowId} done 3`]);
});

test("F4: a stage that waits for a failure is not needed when there is none", async () => {
  await using db = await freshQueue();
  const { flowId } = await postFlow(db, { a: [], clean: ["a"] }, "failed");
  await runAll(db);
  expect(await notified(db)).toEqual([`end: flow ${flowId} done 1`]);
  expect(await stateOf(db, flowId)).toBe("done");
});

test("notifications need no room of their poster, and are not the last posting", async () => {
  await using roles = await withRoles("ada");
  await roles.grant("ada", "poster", { maxOpen: 1 });
  const [{ db }, ada] = [roles, await roles.as("ada")];
  const id = await postJobs(ada, 1, { ...both, onEnd: "a,b" });
  await runAll(db);
  expect(await notified(db)).toHaveLength(2);
  expect(await findPicked(ada, { by: "last", count: 1 })).toEqual([id]);
  await postJobs(ada, 1);
  expect(await refusal(postJobs(ada, 1))).toContain("limit of 1 open posting");
});

test("nobody can post a notification", async () => {
  await using db = await freshQueue();
  expect(await refusal(db.sql`select pdoflow.post('pdoflow:notify', '[[1]]')`)).toContain(
    "expected path/to/file.ts#name",
  );
  expect(await refusal(postJobs(db, 1, { onEnd: "http://a" }))).toContain("names of receivers");
  expect(
    await refusal(db.sql`select pdoflow.post('a.ts#f', '[[1]]', '{"onEnd": "a;b"}')`),
  ).toContain("names of receivers");
});
