// product and range: jobs that are described instead of stored, from the library.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { join } from "node:path";

import { fromPostgres, postWork, product, type Product, range } from "../../../src/index.ts";
import { encodeJobs } from "../../../src/library/post/encode-jobs.ts";
import { sweepOfSources } from "../../../src/library/post/product-sweep.ts";
import { freshDatabase } from "../../database.ts";
import { queueOfFile } from "../../db/engine.ts";
import { fuzzTimes } from "../../fuzz-times.ts";
import { anyValue } from "../../job/any-value.ts";
import { anything, fit, named } from "../jobs.ts";
import { valibotJob } from "./schemas.ts";

const root = join(import.meta.dir, "..");
const queue = queueOfFile();

const step = fc.constantFrom(1, 2, -1, 0.5, -0.25, 0.1, 0.001, 1e-7);
const numbers = fc
  .tuple(
    fc.oneof(fc.integer({ min: -99, max: 99 }), fc.constantFrom(0.5, -0.1, 1e15, 1e-6)),
    step,
    fc.integer({ min: 0, max: 6 }),
  )
  .map(([first, step, more]) => range(first, first + step * more, step));
const values = fc.oneof(numbers, fc.array(anyValue, { minLength: 1, maxLength: 4 }));
const name = fc.constantFrom("a", "b", "10", "9", "größe", "$number", "$gt", "__proto__", 'a"b');
const fields = fc
  .array(fc.tuple(name, values), { minLength: 1, maxLength: 3 })
  .map((entries) => Object.fromEntries(entries));
const lists = fc.array(values, { minLength: 1, maxLength: 2 });

/** The products and their jobs, as the sources of postWork. */
const sources = fc.oneof(
  lists.map((lists) => ({ posargs: product(...lists), kwargs: [] })),
  fc.tuple(lists, fields).map(([lists, fields]) => ({
    posargs: product(...lists, fields) as Product<unknown[]>,
    kwargs: [],
  })),
  fields.map((fields) => ({ posargs: [], kwargs: product(fields) })),
);

test("a product is posted with the same lines as the same jobs one by one", async () => {
  await using db = await queue();
  let compared = 0;
  const property = fc.asyncProperty(sources, async ({ posargs, kwargs }) => {
    const sweep = sweepOfSources(posargs, kwargs, 0);
    if (!sweep) return;
    const lines: string[] = [];
    const jobs = encodeJobs({ posargs, kwargs, priorities: undefined });
    for await (const { args } of jobs) lines.push(...args);
    const [row] = await db.sql<{ text: string; fault: string | null }[]>`
      select pdoflow.sweep_lines(s, 0, ${sweep.size}) as text, pdoflow.sweep_fault(s) as fault
      from (select ${sweep.text}::text::json as s) s`;
    expect(row?.text.split("\n")).toEqual(lines);
    expect([sweep.size, row?.fault]).toEqual([lines.length, null]);
    compared++;
  });
  const numRuns = 200 * fuzzTimes;
  await fc.assert(property, { numRuns, seed: 7 });
  expect(compared).toBeGreaterThan(numRuns * 0.4);
}, 1_500_000);

test.each<[string, Iterable<unknown>, unknown[]]>([
  [
    "lists",
    product([1, 2], ["a", "b"]),
    [
      [1, "a"],
      [1, "b"],
      [2, "a"],
      [2, "b"],
    ],
  ],
  [
    "an object",
    product({ n: [1, 2], m: ["a"] }),
    [
      { n: 1, m: "a" },
      { n: 2, m: "a" },
    ],
  ],
  [
    "a list and an object",
    product([1], { m: range(1, 2) }),
    [
      [1, { m: 1 }],
      [1, { m: 2 }],
    ],
  ],
  ["a range down", range(2, 0, -1), [2, 1, 0]],
  ["a range with fractions", range(0.1, 0.3, 0.1), [0.1, 0.2, 0.3]],
  ["a range that misses its end", range(1, 6, 2), [1, 3, 5]],
])("%s", (_what, product, values) => expect([...product]).toEqual(values));

test("a hundred million jobs are one row, from lists and from objects", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url };
  const model = ["a", "b"];
  await postWork(anything, product(range(1, 50_000_000), model), [], options);
  await postWork("jobs.ts#named", [], product({ n: range(1, 50_000_000), model }), options);
  const objects = product(range(1, 50_000_000), { seed: [1, 2] });
  const posting = await postWork(fit, objects, [], options);
  expect(posting.jobCount).toBe(100_000_000);
  const rows = await database.sql`
    select end_seq, pdoflow.sweep_lines(sweep, 99999999, 100000000) as last from pdoflow.job
    order by posting_id`;
  expect(rows.map(({ endSeq, last }): unknown => [endSeq, last])).toEqual([
    [100_000_000, '[50000000,"b"]'],
    [100_000_000, '{"n":50000000,"model":"b"}'],
    [100_000_000, '[50000000,{"seed":2}]'],
  ]);
});

test("a product is part of a transaction of the caller", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  const post = (tx: Parameters<typeof fromPostgres>[0]) =>
    postWork(anything, product(range(1, 1e8)), [], { transaction: fromPostgres(tx), root, db });
  const undone = sql.begin(async (tx) => {
    await post(tx);
    throw new Error("undone");
  });
  expect(await undone.catch(String)).toContain("undone");
  const posting = await sql.begin(async (tx) => await post(tx));
  const rows = await sql`select posting_id, end_seq from pdoflow.job`;
  expect([...rows]).toEqual([{ postingId: posting.id, endSeq: 1e8 }]);
});

test("arguments are stored if they must be checked, sorted, combined with others, or are few", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url };
  const many = () => product(range(1, 2_000));
  const priority = Array.from({ length: 2_000 }, (_, i) => i % 2);
  await postWork(anything, many(), [], { ...options, priority });
  await postWork(fit, many(), product({ seed: range(1, 2_000) }), options);
  await postWork(named, [], product({ seed: range(1, 1_000) }), options);
  const dates = product(range(1, 2_000), { rate: ["2026-01-01"] });
  await postWork(valibotJob, dates, [], { ...options, root: import.meta.dir });
  const [row] = await database.sql`
    select count(sweep)::integer as sweeps, sum(end_seq - first_seq)::integer as jobs
    from pdoflow.job`;
  expect(row).toEqual({ sweeps: 0, jobs: 7_000 });
});

test("a fault among the values is reported with its job and path", async () => {
  await using database = await freshDatabase();
  const faulty = product(range(1, 2_000), [1, { f: () => {} }]);
  const posted = postWork(anything, faulty, [], { root, db: database.url });
  expect(await posted.catch(String)).toContain("Job 1: Cannot encode the value at [1].f");
});

test.each<[string, () => unknown, string]>([
  ["a step away from the end", () => range(1, 3, -1), "a step that leads from first to last"],
  ["no step", () => range(1, 3, 0), "a step that leads from first to last"],
  ["no numbers", () => range(NaN, 3), "expected numbers"],
  ["beyond a double", () => range(1, 2 ** 53), "whole numbers that a double holds exactly"],
  ["a text", () => product("abc" as never), "found a value of type string"],
  ["a number", () => product(5 as never), "found a value of type number"],
  ["an object first", () => product({ a: [1] } as never, [1]), "found another object"],
  ["a field that is no list", () => product({ a: 5 } as never), "found a value of type number"],
  ["nothing", () => product(), "found a value of type undefined"],
  [
    "too many combinations",
    () => product(range(1, 1e6), range(1, 1e6)),
    "expected at most 2147483647 combinations, the limit of a posting, found 1000000000000",
  ],
])("refused: %s", (_what, make, message) => expect(make).toThrow(message));

test("a product without values is nothing to post", async () => {
  await using database = await freshDatabase();
  const posted = postWork(anything, product([]), [], { root, db: database.url });
  expect(await posted.catch(String)).toContain("NothingToPost");
});
