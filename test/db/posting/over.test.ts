// Jobs over the results of another posting (J7), which follow it job by job (E1).
import { describe, expect, test } from "bun:test";

import { readArguments } from "../../../src/db/engine/job-arguments.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { decodeArgs, encodeValue } from "../../../src/job/values.ts";
import {
  jobsOf,
  type LeasedJob,
  newPool,
  postJobs,
  queueOfFile,
  readLines,
  recordEach,
  recordPart,
  refusal,
  take,
  takeAll,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";

const freshQueue = queueOfFile();

/** Posts jobs over `up`, as a text of JSON. */
async function postOver({ sql }: Db, up: number, rest: unknown[] = [], options = {}) {
  const args = JSON.stringify({ over: up, with: rest });
  const [row] = await sql<{ id: number }[]>`
    select pdoflow.post('next.ts#main', ${args}::text::jsonb,
                        ${JSON.stringify(options)}::text::jsonb) as id`;
  return row?.id ?? 0;
}

/** An upstream whose jobs are all leased, and jobs over it. */
async function pair(db: Db, count: number, rest: unknown[] = []) {
  const pool = await newPool(db);
  const up = await postJobs(db, count);
  const jobs = jobsOf(await take(db, pool));
  const id = await postOver(db, up, rest);
  await settle(db, [up]);
  return { pool, up, id, jobs };
}

/** Records each of `jobs` as done with its result; null for none. */
const finish = (db: Db, pool: number, jobs: LeasedJob[], results: (string | null)[]) =>
  recordEach(
    db,
    pool,
    jobs,
    results.map((result) => ({ result })),
  );

describe("over", () => {
  test("J7: the result of job i and what comes with it are the arguments of job i", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await pair(db, 4, [0.5, "x"]);
    await finish(db, pool, jobs, ['{"a":1}', null, "null", "[3]"]);
    const taken = await takeAll(db, pool);
    expect(taken.map(({ postingId }) => postingId)).toEqual([id]);
    expect(await readLines(db, taken)).toEqual([
      ['[{"a":1},0.5, "x"]', '[{"$undefined":true},0.5, "x"]', '[null,0.5, "x"]', '[[3],0.5, "x"]'],
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("J7: it is one row, whatever its size", async () => {
    await using db = await freshQueue();
    const { id } = await pair(db, 2_500);
    const rows =
      await db.sql`select first_seq, end_seq, args from pdoflow.job where posting_id = ${id}`;
    expect([...rows]).toEqual([{ firstSeq: 0, endSeq: 2500, args: null }]);
    expect(await db.sql`select from pdoflow.retry where posting_id = ${id}`).toHaveLength(0);
  });

  test("11: results are arguments of the same value", async () => {
    await using db = await freshQueue();
    const values = [
      ...[Number.NaN, -0, undefined, null, 12n, new Date(0), new Float64Array([1, 2]), "a\nb\0"],
      ...[new Uint8Array([1, 2]), { $number: "NaN" }, [undefined], new Map([[1, new Set([2])]])],
    ];
    const { pool, jobs } = await pair(db, values.length, [7]);
    await finish(
      db,
      pool,
      jobs,
      values.map((value) => (value === undefined ? null : encodeValue(value))),
    );
    const [lines = []] = await readLines(db, await takeAll(db, pool));
    expect(lines.map((line) => decodeArgs(line))).toEqual(values.map((value) => [value, 7]));
  });

  test("a claim reads the jobs of several runs, and of a part of one", async () => {
    await using db = await freshQueue();
    const { pool, up, jobs } = await pair(db, 1_200);
    const results = jobs.map(({ seq }) => (seq % 7 === 0 ? null : `${seq}`));
    const lines = results.map((result) => `[${result ?? '{"$undefined":true}'}]`);
    await finish(db, pool, jobs, results);
    expect(await db.sql`select from pdoflow.outcome_run where posting_id = ${up}`).toHaveLength(2);
    const first = await take(db, pool, { cap: 3 });
    expect(await readLines(db, first)).toEqual([lines.slice(0, 3)]);
    const rest = await takeAll(db, pool, { cap: 1_100 });
    expect((await readLines(db, rest)).flat()).toEqual(lines.slice(3));
  });

  test("large results are read a part at a time, within the limit of a pool", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await pair(db, 6);
    const large = `"${"x".repeat(100_000)}"`;
    await finish(db, pool, jobs, [large, "1", large, large, "1", large]);
    const ranges = await takeAll(db, pool);
    const [texts = []] = await readArguments(db, ranges, 250_000);
    const sizes = texts.map(({ args }) => args.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(250_000);
    expect(texts.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    const [one = []] = await readArguments(db, ranges, 10);
    expect(one.map(({ count }) => count)).toEqual([1]);
  });

  test("a job whose job of the upstream failed is skipped, and has no arguments", async () => {
    await using db = await freshQueue();
    const { pool, up, id, jobs } = await pair(db, 2, [1]);
    await finish(db, pool, jobs.slice(0, 1), ["5"]);
    const error = JSON.stringify({ name: "Error" });
    await recordPart(db, pool, jobs.slice(1), { state: "failed", error });
    await db.sql`select pdoflow.finish(array[${up}::bigint])`;
    await settle(db, [up]);
    const rows = await db.sql`select status, args from pdoflow.jobs(${id}, 0, 2)`;
    expect([...rows]).toEqual([
      { status: "waiting", args: [5, 1] },
      { status: "cancelled", args: null },
    ]);
  });

  test("12: a chain gives results to the next", async () => {
    await using db = await freshQueue();
    const { pool, id, jobs } = await pair(db, 2);
    const last = await postOver(db, id, [2]);
    await settle(db, null);
    await finish(db, pool, jobs, ["1", "2"]);
    await finish(db, pool, jobsOf(await takeAll(db, pool)), ["10", "20"]);
    const taken = await takeAll(db, pool);
    expect(taken.map(({ postingId }) => postingId)).toEqual([last]);
    expect(await readLines(db, taken)).toEqual([["[10,2]", "[20,2]"]]);
  });

  test("16: what has no results, or cannot be described, is refused", async () => {
    await using db = await freshQueue();
    const up = await postJobs(db, 1);
    const mute = await postJobs(db, 1, { keepsResults: false });
    expect(await refusal(postOver(db, mute))).toContain(`posting ${mute} keeps no results`);
    expect(await refusal(postOver(db, 99))).toContain("there is no posting 99");
    const post = (args: string) =>
      refusal(db.sql`select pdoflow.post('a.ts#a', ${args}::text::jsonb)`);
    expect(await post('{"over":1,"with":3}')).toContain('{"over": 41, "with": [2]}');
    expect(await post('{"over":"x"}')).toContain("option over: expected a whole number");
    const signed = db.sql.begin(async (sql) => {
      await sql`select pdoflow.begin_posting('a.ts#a')`;
      await sql`select pdoflow.add_sweep(max(posting_id), ${`{"over":${up}}`}) from pdoflow.draft`;
      await sql`select pdoflow.sign_posting(max(posting_id), '', '', '', '') from pdoflow.draft`;
    });
    expect(await refusal(signed)).toContain("results are not signed");
  });
});
