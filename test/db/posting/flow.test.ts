// Flows (F1 to F3). The numbers are those of the table of cases in docs/flows.md.
import { expect, test } from "bun:test";

import { prune } from "../../../src/db/admin/prune.ts";
import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { draftChild } from "../../../src/db/engine/children.ts";
import { finishPostings, recordRuns, runOf } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import {
  beginFlow,
  continueFlow,
  endFlow,
  insertStage,
  transactionDb,
} from "../../../src/db/posting/flow.ts";
import { listFlows, readFlow, readStages } from "../../../src/db/read/flows.ts";
import { findPicked } from "../../../src/db/read/selection.ts";
import { flowState, stageState } from "../../../src/domain/flow-status.ts";
import type { Edge } from "../../../src/domain/option-values.ts";
import {
  cancel,
  entryPoint,
  jobsOf,
  newPool,
  outcome,
  queueOfFile,
  record,
  recordPart,
  refusal,
  take,
} from "../engine.ts";
import { commit, openTransaction, untilBlocked } from "../locks.ts";
import { all } from "../admin/retention.ts";
import { brokenInvariants } from "../invariants.ts";
import { withRoles } from "../roles/roles.ts";

const freshQueue = queueOfFile();

/** Stages by name: the stages that each waits for, in the order of their posting. */
type Graph = Record<string, readonly string[]>;

interface Posted {
  flowId: number;
  isNew: boolean;
  ids: Record<string, number>;
}

/** Posts a flow whose stages have 3 jobs each. */
const post = (
  db: Db,
  graph: Graph,
  { key, name = "night" }: { key?: string; name?: string } = {},
) =>
  db.sql.begin(async (sql): Promise<Posted> => {
    const flowDb = transactionDb(db, sql);
    const { flowId, isNew } = await beginFlow(flowDb, { name, key, osUser: "ada" });
    return { flowId, isNew, ids: isNew ? await postStages(flowDb, flowId, graph) : {} };
  });

async function postStages(flowDb: Db, flowId: number, graph: Graph) {
  const ids: Record<string, number> = {};
  for (const [stage, upstreams] of Object.entries(graph)) {
    const after = upstreams.map((up): Edge => ({ posting: ids[up] ?? 0, kind: "after" }));
    const posting = { entryPoint, priority: 0, osUser: "ada", maxAttempts: 1, after };
    const jobs = [{ args: ["[0]", "[1]", "[2]"] }];
    const { id } = await insertStage(flowDb, {
      ...{ posting, place: { flowId, stage }, jobs },
      source: "the test",
    });
    ids[stage] = id;
  }
  return ids;
}

/** A pool runs all jobs that it can claim; the first `failing` of them fail. */
async function runAll(db: Db, pool: number, failing = 0): Promise<void> {
  const jobs = jobsOf(await take(db, pool));
  const error = JSON.stringify({ name: "Error" });
  await recordPart(db, pool, jobs.slice(0, failing), { state: "failed", error });
  await record(db, pool, jobs.slice(failing));
  await finishPostings(db, [...new Set(jobs.map(({ postingId }) => postingId))]);
  await settle(db, null);
}

const stagesOf = async (db: Db, flow: number) => (await readStages(db, [flow])).get(flow) ?? [];

/** Such as "reduce done, measure waiting; running". */
async function states(db: Db, flow: number): Promise<string> {
  const stages = await stagesOf(db, flow);
  const each = stages.map((one) => `${one.stage} ${stageState(one)}`).join(", ");
  return `${each}; ${flowState(stages)}`;
}

test("a flow is done when all its stages are, one after the other", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const { flowId } = await post(db, { reduce: [], measure: ["reduce"] });
  expect(await states(db, flowId)).toBe("reduce open, measure waiting; running");
  await runAll(db, pool);
  expect(await states(db, flowId)).toBe("reduce done, measure open; running");
  await runAll(db, pool);
  expect(await states(db, flowId)).toBe("reduce done, measure done; done");
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a flow whose stage failed is stuck while others wait for it, and says why", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const { flowId, ids } = await post(db, { a: [], b: ["a"], c: ["b"] });
  await runAll(db, pool, 2);
  expect(await states(db, flowId)).toBe("a failed, b blocked, c blocked; stuck");
  const [, , last] = await stagesOf(db, flowId);
  expect(last?.obstacles.map(({ reason }) => reason)).toEqual([`${ids["a"]} has 2 failed jobs`]);
  await cancel(db, ids["b"] ?? 0);
  await cancel(db, ids["c"] ?? 0);
  expect(await states(db, flowId)).toBe("a failed, b cancelled, c cancelled; failed");
});

test("a stage has ended when the postings of its jobs have", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const { flowId } = await post(db, { a: [] });
  const [one, ...others] = jobsOf(await take(db, pool));
  if (!one) throw new Error("no job was claimed");
  const jobs = { entryPoint, options: "{}", jobs: "[1]\n[2]", number: 0 };
  const child = await draftChild(db, pool, one, jobs);
  await record(db, pool, others);
  await recordRuns(db, pool, [runOf(outcome(one), performance.now())], [one.leaseId], [child]);
  await finishPostings(db, [one.postingId]);
  expect(await states(db, flowId)).toBe("a open; running");
  await runAll(db, pool, 1);
  expect(await states(db, flowId)).toBe("a failed; failed");
  expect((await stagesOf(db, flowId))[0]).toMatchObject({ jobCount: 5, jobs: { done: 4 } });
});

test("18, F1: a key posts one flow, also if two post it at once", async () => {
  await using db = await freshQueue();
  const other = connect(db.target, { connections: 1 });
  const first = Promise.withResolvers<void>();
  const graph = { a: [], b: ["a"] };
  const begun = Promise.withResolvers<number>();
  const one = db.sql.begin(async (sql) => {
    const flowDb = transactionDb(db, sql);
    const { flowId } = await beginFlow(flowDb, { name: "night", key: "k", osUser: "ada" });
    await postStages(flowDb, flowId, graph);
    begun.resolve(flowId);
    await first.promise;
  });
  const flowId = await begun.promise;
  const two = post(other, graph, { key: "k" });
  await untilBlocked(db);
  first.resolve();
  await one;
  expect(await two).toMatchObject({ flowId, isNew: false });
  await other.close();
  expect(await stagesOf(db, flowId)).toHaveLength(2);
  expect(await post(db, graph, { key: "another" })).toMatchObject({ isNew: true });
});

test("19: a flow of which a stage is refused is not posted at all", async () => {
  await using db = await freshQueue();
  const refused = post(db, { a: [], b: ["missing"] });
  expect(await refusal(refused)).toContain("posting");
  const [row] = await db.sql`
    select (select count(*) from pdoflow.flow) as flows,
           (select count(*) from pdoflow.posting) as postings`;
  expect(row).toEqual({ flows: 0, postings: 0 });
});

test("F2: of a stage that was posted again, the newest posting counts", async () => {
  await using db = await freshQueue();
  const { flowId, ids } = await post(db, { a: [] });
  const again = await db.sql.begin(async (sql) => {
    const flowDb = transactionDb(db, sql);
    await continueFlow(flowDb, flowId);
    return await postStages(flowDb, flowId, { a: [] });
  });
  expect(again["a"]).not.toBe(ids["a"]);
  expect((await stagesOf(db, flowId)).map(({ id }) => id)).toEqual([again["a"] ?? 0]);
});

test("several stages can have jobs with priorities", async () => {
  await using db = await freshQueue();
  const batches = [1, 2].map((priority) => ({ args: ["[0]"], priorities: [priority] }));
  const { flowId } = await post(db, { a: [] });
  const posting = { entryPoint, priority: 0, osUser: "ada" };
  await db.sql.begin(async (sql) => {
    for (const stage of ["b", "c"]) {
      const place = { flowId, stage };
      const work = { posting, place, jobs: batches, source: "the test" };
      await insertStage(transactionDb(db, sql), work);
    }
  });
  expect((await stagesOf(db, flowId)).map(({ jobCount }) => jobCount)).toEqual([3, 2, 2]);
});

test("F3: of two transactions that continue a flow, the second waits for the first", async () => {
  await using db = await freshQueue();
  const { flowId } = await post(db, { a: [] });
  const [one, two] = [await openTransaction(db), await openTransaction(db)];
  await continueFlow(one, flowId);
  const second = Promise.resolve(continueFlow(two, flowId));
  await untilBlocked(db);
  await commit(one);
  await second;
  await commit(two);
  await Promise.all([one.close(), two.close()]);
});

test("a flow is found by its number, its name and as the last one", async () => {
  await using db = await freshQueue();
  const one = await post(db, { a: [] });
  const two = await post(db, { a: [] });
  await post(db, { a: [] }, { name: "day" });
  expect(await findPicked(db, { by: "name", name: "night" }, "flow")).toEqual([two.flowId]);
  expect(await findPicked(db, { by: "number", id: one.flowId }, "flow")).toEqual([one.flowId]);
  expect(await findPicked(db, { by: "last", count: 2 }, "flow")).toEqual([
    two.flowId,
    two.flowId + 1,
  ]);
  expect(await findPicked(db, { by: "number", id: 99 }, "flow")).toEqual([]);
  const listed = await listFlows(db, Number.MAX_SAFE_INTEGER, 2);
  expect(listed.map(({ name }) => name)).toEqual(["day", "night"]);
});

test("a flow keeps what its poster stored about it", async () => {
  await using db = await freshQueue();
  const { flowId } = await post(db, { a: [] }, { key: "k" });
  await endFlow(db, flowId, { stages: [] });
  expect(await readFlow(db, flowId)).toMatchObject({ key: "k", spec: { stages: [] } });
  expect(await readFlow(db, 99)).toBeNull();
});

test("30, F3: a flow is pruned as a whole, when all its stages may go", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const { flowId } = await post(db, { a: [], b: ["a"] }, { key: "k" });
  await runAll(db, pool);
  await prune(db, all);
  expect(await stagesOf(db, flowId)).toHaveLength(2);
  await runAll(db, pool);
  expect(await prune(db, all)).toMatchObject({ postings: 2 });
  expect(await readFlow(db, flowId)).toBeNull();
  expect(await post(db, { a: [] }, { key: "k" })).toMatchObject({ isNew: true });
});

test("F3: a stage that nothing waits for stays too, until all stages may go", async () => {
  await using db = await freshQueue();
  const { flowId, ids } = await post(db, { a: [], b: [] });
  await cancel(db, ids["a"] ?? 0);
  expect(await prune(db, all)).toMatchObject({ postings: 0 });
  await cancel(db, ids["b"] ?? 0);
  expect(await prune(db, all)).toMatchObject({ postings: 2 });
  expect(await readFlow(db, flowId)).toBeNull();
});

test("a role sees its own flows only, and posts into no others", async () => {
  await using roles = await withRoles("ada", "eve");
  for (const role of ["ada", "eve"]) await roles.grant(role, "poster");
  const [ada, eve] = [await roles.as("ada"), await roles.as("eve")];
  const { flowId } = await post(ada, { a: [] });
  const flows = (db: Db) => db.sql<{ id: number }[]>`select id from pdoflow.flows`;
  expect([[...(await flows(ada))], [...(await flows(eve))]]).toEqual([[{ id: flowId }], []]);
  expect(await readFlow(eve, flowId)).toBeNull();
  expect(await refusal(continueFlow(eve, flowId))).toContain("has no flow");
  expect(await refusal(endFlow(eve, flowId, { stages: [] }))).toContain("has no flow");
  expect(await refusal(postStages(eve, flowId, { a: [] }))).toContain("has no flow");
});
