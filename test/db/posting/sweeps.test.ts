// Sweeps: jobs that are described instead of stored (J6).
import { expect, test } from "bun:test";
import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { anyJob, readJob, readJobPage } from "../../../src/db/read/jobs.ts";
import { type Sweep, sweepLines } from "../../../src/domain/sweep.ts";
import { type ArgumentWords, SharedArguments } from "../../../src/input/shared-arguments.ts";
import { readResults } from "../../../src/db/read/results.ts";
import { fuzzTimes } from "../../fuzz-times.ts";
import { brokenInvariants } from "../invariants.ts";
import {
  freshQueue,
  jobsOf,
  newPool,
  putBack,
  queueOfFile,
  readLines,
  record,
  recordPart,
  refusal,
  take,
} from "../engine.ts";

const queue = queueOfFile();
const posting = { entryPoint: "a.ts#f", priority: 0, osUser: "ada" };

const words = (given: Partial<ArgumentWords>): ArgumentWords => ({
  args: [],
  kw: [],
  each: [],
  ...given,
});

function sweepOf(given: Partial<ArgumentWords>): Sweep {
  const sweep = SharedArguments.parse(words(given))?.sweep(0);
  if (!sweep) throw new Error("not a sweep");
  return sweep;
}

const post = async (db: Db, ...each: string[]) =>
  (await insertPosting(db, posting, sweepOf({ each }), "test")).id;

async function linesOf({ sql }: Db, text: string, from: number, to: number): Promise<string[]> {
  const [row] = await sql<{ text: string }[]>`
    select pdoflow.sweep_lines(${text}::text::json, ${from}, ${to}) as text`;
  return row?.text.split("\n") ?? [];
}

const decimals = fc
  .tuple(
    fc.integer({ min: -999, max: 999 }),
    fc.integer({ min: 0, max: 4 }),
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 0, max: 12 }),
  )
  .map(([first, scale, step, more]) => {
    const text = (digits: number) => (digits / 10 ** scale).toFixed(scale);
    return `${text(first)}..${text(first + step * more)}:${text(step)}`;
  });
const wholes = fc
  .tuple(
    fc.oneof(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 })),
    fc.integer({ min: 0, max: 12 }),
    fc.constantFrom("", ":1", ":2", ":5"),
  )
  .map(([first, more, step]) => `${first}..${first + more}${step}`);
const padded = fc
  .tuple(
    fc.integer({ min: 0, max: 99 }),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 3, max: 6 }),
  )
  .map(([first, more, width]) => `${String(first).padStart(width, "0")}-${first + more + 1}`);
const odd = fc.constantFrom(
  ...["-0", "-0-2", "1e5", "1.50", "nan", "-inf", "true", "null", "007", '"a,b"', "x=1", "ä", "💡"],
  ...["1e-7..3e-7:1e-7", "9007199254740991", "12345678901234567890", "0x10", "{", '"\\u0000"'],
);
const text = fc
  .string({ unit: "binary", maxLength: 6 })
  .map((value) => JSON.stringify(value))
  .filter((value) => !value.includes(","));
const json = fc
  .array(fc.jsonValue({ maxDepth: 2 }), { minLength: 1, maxLength: 4 })
  .map((value) => JSON.stringify(value));
const list = fc.oneof(
  json,
  fc
    .array(fc.oneof(decimals, wholes, padded, odd, text), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(",")),
);
const name = fc.constantFrom("a", "b", "größe", "a-b", "_");
const named = (value: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.option(name, { nil: null }), value)
    .map(([name, value]) => (name === null ? value : `${name}=${value}`));
const anyWords = fc.record({
  each: fc.array(named(list), { minLength: 1, maxLength: 3 }),
  args: fc.array(fc.oneof(odd, text), { maxLength: 2 }),
  kw: fc.array(
    fc.tuple(name, odd).map(([name, value]) => `${name}=${value}`),
    { maxLength: 2 },
  ),
});

/** Undefined for words that are refused, such as a range that begins beyond what a double holds. */
function parsed(given: ArgumentWords): SharedArguments | undefined {
  try {
    return SharedArguments.parse(given);
  } catch {
    return undefined;
  }
}

test("the server computes the same lines as posting the combinations one by one", async () => {
  await using db = await queue();
  let compared = 0;
  let normal = 0;
  const property = fc.asyncProperty(
    anyWords,
    fc.double({ min: 0, max: 0.999, noNaN: true }),
    async (given, share) => {
      const shared = parsed(given);
      const sweep = shared?.sweep(0);
      if (!shared || !sweep) return;
      const all = [...shared.joinedTo("[]", "test")];
      const from = Math.floor(share * all.length);
      const expected = all.slice(from, from + 300);
      expect(sweep.size).toBe(all.length);
      expect(await linesOf(db, sweep.text, from, from + expected.length)).toEqual(expected);
      if (sweep.isNormal) {
        normal++;
        const line = sweepLines(sweep.text);
        expect(expected.map((_, i) => line(from + i))).toEqual(expected);
      }
      const [size] = await db.sql<{ jobs: number; bytes: number; fault: string | null }[]>`
      select jobs::integer, line_bytes::integer as bytes,
             pdoflow.sweep_fault(${sweep.text}::text::json) as fault
      from pdoflow.measure_sweep(${sweep.text}::text::json)`;
      expect(size).toMatchObject({ jobs: all.length, fault: null });
      expect(size?.bytes).toBeGreaterThanOrEqual(
        Math.max(...expected.map((each) => Buffer.byteLength(each))),
      );
      compared++;
    },
  );
  const numRuns = 400 * fuzzTimes;
  await fc.assert(property, { numRuns, seed: 16 });
  expect(compared).toBeGreaterThan(numRuns / 2);
  expect(normal).toBeGreaterThan(numRuns / 8);
}, 1_500_000);

test("a hundred million jobs are one row, and a claim computes its range only", async () => {
  await using db = await freshQueue();
  const id = await post(db, "1-50000000", "model=a,b");
  expect([...(await db.sql`select first_seq, end_seq, args from pdoflow.job`)]).toEqual([
    { firstSeq: 0, endSeq: 100_000_000, args: null },
  ]);
  const pool = await newPool(db);
  await db.sql`update pdoflow.lane set first_seq = 50000001`;
  const [range] = await take(db, pool, { cap: 3 });
  expect(range?.args?.split("\n")).toEqual([
    '[25000001,{"model":"b"}]',
    '[25000002,{"model":"a"}]',
    '[25000002,{"model":"b"}]',
  ]);
  const [first, last] = [await readJob(db, id, 0), await readJob(db, id, 99_999_999)];
  expect([first?.args, last?.args]).toEqual(['[1,{"model":"a"}]', '[50000000,{"model":"b"}]']);
  expect(await readJob(db, id, 100_000_000)).toBeUndefined();
});

test("a sweep of hundreds of millions of jobs is read in any part", async () => {
  await using db = await freshQueue();
  const postingId = await post(db, "1-500000000");
  for (const first of [0, 999_990, 1_000_500, 499_999_000]) {
    const rows = await readResults(db, {
      ...{ postingId, first, size: 1_000, isSorted: false, hasArgs: true },
    });
    expect(rows.map(({ index, args }) => [index, args])).toEqual(
      Array.from({ length: 1_000 }, (_, i) => [first + i, `[${first + i + 1}]`]),
    );
  }
  const page = { postingId, first: 2_000_000, size: 2_000, isSorted: false };
  const found = await readJobPage(db, { ...page, ...anyJob, argument: "2000777" });
  expect(found.map(({ index }) => index)).toEqual([2_000_776]);
});

test("jobs of a sweep fail, are retried, released and end as others do", async () => {
  await using db = await freshQueue();
  const id = await post(db, "1-40", "m=a,b,c");
  const pool = await newPool(db);
  const done = jobsOf(await take(db, pool, { cap: 50 }));
  await recordPart(db, pool, done.slice(0, 20));
  await putBack(db, pool, done);
  const failed = jobsOf(await take(db, pool, { cap: 70 }));
  await record(db, pool, failed, { state: "failed", error: '{"name":"E","message":"no"}' });
  expect(await brokenInvariants(db)).toEqual([]);
  const [row] = await db.sql<{ jobs: number }[]>`select pdoflow.retry(${id}) as jobs`;
  expect(row?.jobs).toBe(failed.length);
  const again = await take(db, pool, { cap: 200 });
  const lines = again.flatMap(({ args }) => args?.split("\n") ?? []);
  expect(lines).toHaveLength(jobsOf(again).length);
  expect(lines[0]).toBe(
    await readJob(db, id, jobsOf(again)[0]?.seq ?? -1).then((job) => job?.args),
  );
  await record(db, pool, jobsOf(again));
  expect(await brokenInvariants(db)).toEqual([]);
});

test("a part of a sweep is read within a bound of bytes", async () => {
  await using db = await queue();
  const postingId = await post(db, "1-5000", "x".repeat(200));
  const range = { postingId, firstSeq: 1_000, endSeq: 3_000, attempt: 1 };
  expect((await readLines(db, [range])).flat()).toHaveLength(2_000);
  const few = (await readLines(db, [range], 5_000)).flat();
  expect(few.length).toBeGreaterThan(10);
  expect(few.length).toBeLessThanOrEqual(5_000 / 200);
  const text = (i: number) => `[${1_001 + i},"${"x".repeat(200)}"]`;
  expect(few).toEqual(few.map((_, i) => text(i)));
  expect(await readLines(db, [range], 10)).toEqual([[text(0)]]);
});

test("a posting may consist of several sweeps and of lists", async () => {
  await using db = await freshQueue();
  const { id } = await db.sql.begin(async (sql) => {
    const [begun] = await sql<{ id: number }[]>`
      select posting_id as id from pdoflow.begin_posting('a.ts#f')`;
    const id = begun?.id ?? 0;
    await sql`select pdoflow.add_jobs(${id}, ${"[0]"}, null)`;
    await sql`select pdoflow.add_sweep(${id}, ${sweepOf({ each: ["1-2500"] }).text})`;
    await sql`select pdoflow.add_jobs(${id}, ${"[2501]\n[2502]"}, null)`;
    await sql`select pdoflow.end_posting(${id})`;
    return { id };
  });
  const all = [{ postingId: id, firstSeq: 0, endSeq: 2_503, attempt: 1 }];
  for (const bytes of [undefined, 4_000]) {
    const jobs = (await readLines(db, all, bytes)).flat();
    expect(jobs).toEqual(jobs.map((_, seq) => `[${seq}]`));
    expect(jobs.length).toBeGreaterThan(0);
  }
  expect((await readLines(db, all)).flat()).toHaveLength(2_503);
});

test("post takes a sweep as the arguments, and no list of priorities with it", async () => {
  await using db = await freshQueue();
  const sweep = {
    axes: [
      { first: 3, last: 1, step: -1 },
      { name: "m", values: ["a", { b: 1.5 }] },
    ],
  };
  const post = (options: object) => db.sql<{ id: number }[]>`
    select pdoflow.post('a.ts#f', ${JSON.stringify(sweep)}::text::jsonb,
                        ${JSON.stringify(options)}::text::jsonb) as id`;
  const [{ id } = { id: 0 }] = await post({ priority: 4, key: "k" });
  const rows = await db.sql<{ args: unknown }[]>`
    select args from pdoflow.jobs where posting_id = ${id} order by index`;
  expect(rows.map(({ args }) => args)).toEqual(
    [3, 2, 1].flatMap((n) => [
      [n, { m: "a" }],
      [n, { m: { b: 1.5 } }],
    ]),
  );
  expect([...(await post({ key: "k" }))]).toEqual([{ id }]);
  expect(await refusal(post({ priority: [1, 2] }))).toContain("expected one priority for all jobs");
});
