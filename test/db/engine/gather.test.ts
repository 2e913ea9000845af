// Postings that read the results of other postings (P13).
import { expect, test } from "bun:test";

import { prune } from "../../../src/db/admin/prune.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { retryFailed } from "../../../src/db/engine/control.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { readGathered } from "../../../src/db/read/gathered.ts";
import { readResults } from "../../../src/db/read/results.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { readUpstream } from "../../../src/db/engine/upstream.ts";
import { all } from "../admin/retention.ts";
import {
  cancel,
  jobsOf,
  type LeasedJob,
  names,
  newPool,
  nth,
  postJobs,
  queueOfFile,
  putBack,
  record,
  recordEach,
  refusal,
  take,
  takeAll,
} from "../engine.ts";
import { Dice } from "../../chaos/dice.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();
const error = JSON.stringify({ name: "E", message: "no" });

/** Ends the jobs of a posting: job i with the result i; and opens postings that wait for it. */
async function finish(db: Db, pool: number, jobs: readonly LeasedJob[]): Promise<void> {
  const ends = jobs.map(({ seq }) => ({ result: String(seq) }));
  await recordEach(db, pool, jobs, ends);
  await putBack(db, pool, jobs); // nothing: this ends their leases
  await close(db, jobs);
}

async function close(db: Db, jobs: readonly LeasedJob[]): Promise<void> {
  const ids = [...new Set(jobs.map(({ postingId }) => postingId))];
  await finishPostings(db, ids);
  await settle(db, ids);
}

/** The pages that a leased job reads. */
async function read(db: Db, poolId: number, { postingId, seq }: LeasedJob, first: number) {
  return await readUpstream(db, { poolId, postingId, seq }, first);
}

test("pages have an end and a text for each job, in the order of posting", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 6, { priorities: [0, 1, 0, 1, 0, 1], maxAttempts: 1 });
  const jobs = jobsOf(await takeAll(db, pool)).toSorted((a, b) => a.seq - b.seq);
  await recordEach(db, pool, jobs, [
    { result: '"index 1"' },
    { state: "failed", error },
    { state: "cancelled", error },
    { result: null },
    { result: '"index 2"' },
    { result: '"index 4"' },
  ]);
  await close(db, jobs);
  const id = await postJobs(db, 1, {
    gather: up,
    after: [{ posting: up, kind: "any" }],
  });
  const [job] = jobsOf(await takeAll(db, pool));
  expect(job?.postingId).toBe(id);
  const { states, texts } = await read(db, pool, nth([job ?? never()], 0), 0);
  expect([
    states,
    texts.split("\n").map((text) => text.replace(/^\{.*"no".*\}$/, "error")),
  ]).toEqual(["dddfdc", ["", '"index 1"', '"index 2"', "error", '"index 4"', "error"]]);
});

test("a page has about a mebibyte, or one result of any size", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 5);
  const jobs = jobsOf(await takeAll(db, pool));
  const sizes = [700_000, 300_000, 300_000, 5_000_000, 1];
  const ends = sizes.map((size) => ({ result: JSON.stringify("x".repeat(size)) }));
  await recordEach(db, pool, jobs, ends);
  await close(db, jobs);
  await postJobs(db, 1, { gather: up });
  const [job = never()] = jobsOf(await takeAll(db, pool));
  const counts: number[] = [];
  for (let first = 0; first < 5; first += counts.at(-1) ?? 0) {
    const { states, texts } = await read(db, pool, job, first);
    expect(texts.split("\n")).toHaveLength(states.length);
    counts.push(states.length);
  }
  expect(counts).toEqual([2, 1, 1, 1]);
});

test("the newest attempt counts: a job that was retried by hand is done", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 3, { maxAttempts: 2 });
  const jobs = jobsOf(await takeAll(db, pool));
  await recordEach(db, pool, jobs, [
    { result: "0" },
    { state: "retried", error, delayMs: 0 },
    { state: "failed", error },
  ]);
  const second = jobsOf(await takeAll(db, pool));
  await recordEach(db, pool, second, [{ result: "11" }]);
  await close(db, jobs);
  const id = await postJobs(db, 1, { gather: up });
  expect(await takeAll(db, pool)).toEqual([]);
  await retryFailed(db, up, { indices: null, fingerprint: null });
  const third = jobsOf(await takeAll(db, pool));
  await recordEach(db, pool, third, [{ result: "22" }]);
  await close(db, jobs);
  const [job = never()] = jobsOf(await takeAll(db, pool));
  expect(job.postingId).toBe(id);
  expect(await read(db, pool, job, 0)).toEqual({ states: "ddd", texts: "0\n11\n22" });
  expect(await brokenInvariants(db)).toEqual([]);
});

test("jobs that were cancelled before they ran have no text", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 4);
  const [first = never(), second = never()] = jobsOf(await take(db, pool, { cap: 2 }));
  await record(db, pool, [first], { result: "7" });
  await record(db, pool, [second], { state: "retried", error, delayMs: 3_600_000 });
  await cancel(db, up);
  const after = [{ posting: up, kind: "after", toleratePercent: 100 } as const];
  await postJobs(db, 1, { gather: up, after });
  const [job = never()] = jobsOf(await takeAll(db, pool));
  expect(await read(db, pool, job, 0)).toEqual({ states: "dccc", texts: "7\n\n\n" });
});

test("a job that was skipped, because the job that it follows failed, counts as cancelled", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const first = await postJobs(db, 3, { maxAttempts: 1 });
  const second = await postJobs(db, 3, { after: [{ posting: first, kind: "each" }] });
  const jobs = jobsOf(await takeAll(db, pool)).toSorted((a, b) => a.seq - b.seq);
  await settle(db, null);
  await recordEach(db, pool, jobs, [{}, { state: "failed", error }, {}]);
  await close(db, jobs);
  await finish(db, pool, jobsOf(await takeAll(db, pool)));
  const after = [{ posting: second, kind: "after", tolerateJobs: 1 } as const];
  await postJobs(db, 1, { gather: second, after });
  const [job = never()] = jobsOf(await takeAll(db, pool));
  expect(await read(db, pool, job, 0)).toEqual({ states: "dcd", texts: "0\n\n2" });
});

test("only the pool that has leased a job reads, and only the results of that job", async () => {
  await using db = await freshQueue();
  const [pool, other] = [await newPool(db), await newPool(db)];
  const up = await postJobs(db, 10);
  await finish(db, pool, jobsOf(await takeAll(db, pool)));
  const id = await postJobs(db, 3, { gather: up, gatherSize: 4 });
  const jobs = jobsOf(await take(db, pool, { cap: 2 }));
  const [first = never(), second = never()] = jobs;
  expect(names(await take(db, pool, { cap: 0 }))).toEqual([]);
  expect(await read(db, pool, first, 0)).toEqual({ states: "dddd", texts: "0\n1\n2\n3" });
  expect(await read(db, pool, second, 6)).toEqual({ states: "dd", texts: "6\n7" });
  const beyond = { ...first, seq: 2 };
  expect(await refusal(read(db, other, first, 0))).toContain("has not leased job 0 of posting 2");
  expect(await refusal(read(db, pool, beyond, 8))).toContain("has not leased job 2");
  expect(await refusal(read(db, pool, first, 4))).toContain("cannot read the result of job 4");
  expect(await refusal(read(db, pool, second, 3))).toContain("cannot read the result of job 3");
  expect(await refusal(read(db, pool, first, -1))).toContain("cannot read the result of job -1");
  await putBack(db, pool, jobs);
  expect(await refusal(read(db, pool, first, 0))).toContain(
    `has not leased job 0 of posting ${id}`,
  );
  const all = jobsOf(await takeAll(db, pool)).toSorted((a, b) => a.seq - b.seq);
  expect(await read(db, pool, nth(all, 2), 8)).toEqual({ states: "dd", texts: "8\n9" });
  expect(await refusal(read(db, pool, nth(all, 2), 10))).toContain("cannot read the result");
});

test("a posting gathers with a job for each group, from a posting with results", async () => {
  await using db = await freshQueue();
  const up = await postJobs(db, 10);
  const bare = await postJobs(db, 10, { keepsResults: false });
  const posts = (options: object, jobs = "[[]]") =>
    refusal(db.sql`select pdoflow.post('a.ts#f', ${jobs}::text::jsonb,
                                       ${JSON.stringify(options)}::text::jsonb)`);
  expect(await posts({ gather: up }, "[[], []]")).toContain(
    "expected 1 jobs, one for each 10 results",
  );
  expect(await posts({ gather: up, gatherSize: 3 })).toContain("expected 4 jobs, one for each 3");
  expect(await posts({ gather: bare })).toContain(`posting ${bare} keeps no results`);
  expect(await posts({ gather: 99 })).toContain("there is no posting 99 that the role");
  expect(await posts({ gatherSize: 3 })).toContain("option gatherSize: expected the option gather");
  expect(await posts({ gather: up, gatherSize: 1 })).toContain("a whole number from 2");
});

test("its upstream is not pruned while a posting gathers, and can go with it", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const up = await postJobs(db, 2);
  await finish(db, pool, jobsOf(await takeAll(db, pool)));
  await postJobs(db, 1, { gather: up });
  const jobs = jobsOf(await takeAll(db, pool));
  expect((await prune(db, all)).postings).toBe(0);
  expect(await read(db, pool, nth(jobs, 0), 0)).toEqual({ states: "dd", texts: "0\n1" });
  await record(db, pool, jobs);
  await close(db, jobs);
  expect((await prune(db, all)).postings).toBe(2);
});

/** Pages are read until all results are there, whatever the runs in which they are stored. */
test("pages of any runs have the same results as the jobs", async () => {
  await using db = await freshQueue();
  const up = await postJobs(db, 12_000);
  const dice = new Dice(7);
  for (let first = 0, length = 0; first < 12_000; first += length) {
    length = Math.min(12_000 - first, dice.whole(1, dice.chance(0.5) ? 1_000 : 5));
    const kinds = ["done", "done", "done", "done", "failed", "cancelled", "retried", "waiting"];
    const state = dice.pick(kinds) ?? "done";
    if (state === "waiting") continue;
    const isKept = dice.chance(0.9);
    await insertRun(db, { up, attempt: 1, first, length, state, isKept });
    if (state !== "retried") continue;
    const again = dice.whole(1, length);
    await insertRun(db, { up, attempt: 2, first, length: again, state: "done", isKept });
  }
  const rows = await readResults(db, { postingId: up, first: 0, size: 12_000, isSorted: false });
  const texts: string[] = [];
  let states = "";
  while (states.length < 12_000) {
    const page = await readGathered(db, { postingId: up, first: states.length, end: 12_000 });
    expect(page.texts.split("\n")).toHaveLength(page.states.length);
    expect(page.texts.length).toBeLessThan(1_100_000);
    states += page.states;
    texts.push(...page.texts.split("\n"));
  }
  const letters = { done: "d", failed: "f", cancelled: "c" } as Record<string, string>;
  expect(states).toBe(rows.map(({ status }) => letters[status] ?? "w").join(""));
  const expected = rows.map(({ status, result, error }) =>
    status === "done" ? (result ?? "") : letters[status] === undefined ? "" : (error ?? ""),
  );
  const plain = (text: string) => (text.startsWith("{") ? "error" : text);
  expect(texts.map(plain)).toEqual(expected.map(plain));
});

interface Run {
  up: number;
  attempt: number;
  first: number;
  length: number;
  state: string;
  /** Whether its jobs have results. */
  isKept: boolean;
}

/** Writes the ends of jobs by hand. Results have up to 200 characters. */
async function insertRun({ sql }: Db, { up, attempt, first, length, state, isKept }: Run) {
  const lines = Array.from({ length }, (_, i) =>
    i % 7 === 3 ? "" : JSON.stringify("x".repeat((i * 37) % 200)),
  );
  const errors = state === "done" ? null : lines.map(() => error).join("\n");
  const results = state === "done" && isKept ? lines.join("\n") : null;
  await sql`
    insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                     ended_at, offsets_ms, durations_us, worker_pids, results,
                                     errors)
    values (${up}, ${attempt}, ${first}, ${first + length}, 1,
            ${state}::text::pdoflow.outcome_state, now(), array_fill(0, array[${length}::integer]),
            array_fill(1::bigint, array[${length}::integer]), '{1}', ${results}, ${errors})`;
}

function never(): never {
  throw new Error("expected a leased job");
}
