// Flows, waiting and blocked postings in the snapshot of the dashboard.
import { expect, test } from "bun:test";

import { readSnapshot } from "../../../src/db/dashboard/snapshot.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { beginFlow } from "../../../src/db/posting/flow.ts";
import { readEdges } from "../../../src/db/read/edges.ts";
import type { Edge } from "../../../src/domain/option-values.ts";
import { causeText } from "../../../src/domain/edge-text.ts";
import { jobsOf, newPool, postJobs, queueOfFile, record, recordPart, take } from "../engine.ts";

const freshQueue = queueOfFile();

const after = (posting: number, more: Partial<Edge> = {}): Edge => ({
  ...{ posting, kind: "after", ...more },
});

/** Posts a flow; each stage names the stages that it waits for. */
async function postFlow(db: Db, name: string, stages: Record<string, readonly Edge["kind"][]>) {
  const { flowId } = await beginFlow(db, { name, key: null, osUser: "ada" });
  const ids: number[] = [];
  for (const [stage, kinds] of Object.entries(stages)) {
    const last = ids.at(-1) ?? 0;
    const edges = kinds.map((kind) => after(last, { kind }));
    ids.push(await postJobs(db, 2, { flowId, stage, after: edges }));
  }
  return { flowId, ids };
}

/** A pool runs the jobs that it can claim; they fail or are done. */
async function runAll(db: Db, state: "failed" | "done"): Promise<void> {
  const [pool, error] = [await newPool(db), JSON.stringify({ name: "Error" })];
  const jobs = jobsOf(await take(db, pool));
  if (state === "done") await record(db, pool, jobs);
  else await recordPart(db, pool, jobs, { state, error });
  const ids = [...new Set(jobs.map(({ postingId }) => postingId))];
  await finishPostings(db, ids);
  await settle(db, ids);
}

const found = async (db: Db, id: number, most?: number) =>
  (await readSnapshot(db, most)).postings.find((each) => each.id === id);

test("a posting has its flow and stage, and what it waits for", async () => {
  await using db = await freshQueue();
  const { flowId, ids } = await postFlow(db, "night", { reduce: [], stars: ["after"] });
  const [reduce = 0, stars = 0] = ids;
  const alone = await postJobs(db, 1);
  expect(await found(db, alone)).toMatchObject({ flow: null, waits: false, waitsFor: [] });
  expect(await found(db, stars)).toMatchObject({
    flow: { id: flowId, name: "night", stage: "stars" },
    ...{ waits: true, isBlocked: false, isSkipped: false, jobs: { waiting: 2 } },
    waitsFor: [{ posting: reduce, kind: "after", state: "waiting", cause: null }],
  });
  await runAll(db, "done");
  expect(await found(db, stars)).toMatchObject({ waits: false, waitsFor: [{ state: "met" }] });
});

test("all below a failure are blocked, with its cause, as status and explain say", async () => {
  await using db = await freshQueue();
  const { ids } = await postFlow(db, "night", { a: [], b: ["after"], c: ["after"], d: ["any"] });
  await runAll(db, "failed");
  const edges = await readEdges(db, ids);
  for (const id of ids.slice(1)) {
    const posting = await found(db, id);
    expect(posting?.isBlocked).toBe(causeText(edges.get(id) ?? []) !== null);
    expect(posting).toMatchObject({
      isBlocked: true,
      waitsFor: [{ state: "blocked", cause: `${ids[0]} has 2 failed jobs` }],
    });
  }
});

test("a posting above that is not shown blocks all the same", async () => {
  await using db = await freshQueue();
  const a = await postJobs(db, 1);
  await runAll(db, "failed");
  const b = await postJobs(db, 1, { after: [after(a)] });
  const c = await postJobs(db, 1, { after: [after(b)] });
  // The first one is still in a lease.
  expect((await readSnapshot(db, 2)).postings.map(({ id }) => id)).toEqual([a, c]);
  expect(await found(db, c, 2)).toMatchObject({
    waitsFor: [{ posting: b, state: "blocked", cause: `${a} has 1 failed job` }],
  });
});

test("a posting that will be cancelled or run by itself blocks nothing", async () => {
  await using db = await freshQueue();
  const a = await postJobs(db, 1);
  const b = await postJobs(db, 1, { after: [after(a)], ifBlocked: "cancel" });
  const c = await postJobs(db, 1, { after: [after(b)] });
  const [pool, error] = [await newPool(db), JSON.stringify({ name: "Error" })];
  await recordPart(db, pool, jobsOf(await take(db, pool)), { state: "failed", error });
  for (const id of [b, c]) expect(await found(db, id)).toMatchObject({ isBlocked: false });
});

test("a posting that waits for failures is skipped if there were none", async () => {
  await using db = await freshQueue();
  const { ids } = await postFlow(db, "night", { a: [], alert: ["failed"] });
  await runAll(db, "done");
  expect(await found(db, ids[1] ?? 0)).toMatchObject({ isBlocked: false, isSkipped: true });
});

test("jobs whose upstream failed are counted as skipped", async () => {
  await using db = await freshQueue();
  const { ids } = await postFlow(db, "night", { a: [], b: ["each"] });
  await runAll(db, "failed");
  expect(await found(db, ids[1] ?? 0)).toMatchObject({ skippedJobs: 2, jobs: { cancelled: 2 } });
});

test("the ended stages of a shown flow are shown, even if newer postings fill the list", async () => {
  await using db = await freshQueue();
  const { ids } = await postFlow(db, "night", { a: [], b: ["after"] });
  await runAll(db, "done");
  const last = await postJobs(db, 1);
  const { postings, morePostings } = await readSnapshot(db, 2);
  expect(postings.map(({ id }) => id)).toEqual([last, ...ids.toReversed()]);
  expect(morePostings).toBe(0);
});
