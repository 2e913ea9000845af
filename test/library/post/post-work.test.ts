import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import type { Db } from "../../../src/db/connection/connect.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { migrate } from "../../../src/db/admin/migrations.ts";
import { messageOf } from "../../../src/domain/errors.ts";
import { post, postWork, type PostOptions, Registry, type Source } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { anything, fit, named, scale } from "../jobs.ts";
import { eachJob, jobCount } from "../../db/each-job.ts";

const root = join(import.meta.dir, "..");

test("each list of arguments becomes a job of the function", async () => {
  await using database = await freshDatabase();
  const lists: Parameters<typeof scale>[] = [
    [1, 2, "a"],
    [2, 2, "b"],
  ];
  const posting = await Registry.get(scale).postWork(lists, [], { root, db: database.url });
  expect(posting.jobCount).toBe(2);
  expect(await postings(database.db)).toEqual([{ id: posting.id, entryPoint: "jobs.ts#scale" }]);
  expect(await argsOf(database.db, posting.id)).toEqual(lists);
});

test("post posts one job, by function or by entry point", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url, priority: 7 };
  const posting = await post(scale, [1, 2, "a"], options);
  expect(posting.jobCount).toBe(1);
  expect(await argsOf(database.db, posting.id)).toEqual([[1, 2, "a"]]);
  const named = await post("jobs.ts#scale", [], options);
  expect(await argsOf(database.db, named.id)).toEqual([[]]);
  expect(await postings(database.db)).toEqual([
    { id: posting.id, entryPoint: "jobs.ts#scale" },
    { id: named.id, entryPoint: "jobs.ts#scale" },
  ]);
});

test("needs are amounts that jobs take, which are checked before posting", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url };
  await post(scale, [1, 2, "a"], { ...options, needs: [["gpu", "=", 0.5]] });
  const rows = await database.sql`select needs::text from pdoflow.route order by id`;
  expect(rows.map(({ needs }) => JSON.parse(needs))).toEqual([[["gpu", "=", 0.5]]]);
  const wrong = post(scale, [1, 2, "a"], { ...options, needs: [["gpu", "=", 1.5]] });
  expect(await wrong.catch(messageOf)).toContain("a share of one gpu such as 0.5");
});

test("keyword objects alone are the one argument", async () => {
  await using database = await freshDatabase();
  const posting = await postWork(named, [], [{ seed: 1 }], { root, db: database.url });
  expect(await argsOf(database.db, posting.id)).toEqual([{ seed: 1 }]);
});

test("keyword objects beside lists are the last argument", async () => {
  await using database = await freshDatabase();
  const objects = [{ seed: 7 }, { seed: 8 }];
  const posting = await postWork(fit, [[1], [2]], objects, { root, db: database.url });
  expect(await argsOf(database.db, posting.id)).toEqual([
    [1, { seed: 7 }],
    [2, { seed: 8 }],
  ]);
});

test("generators and streams are posted in their order, also by entry point", async () => {
  await using database = await freshDatabase();
  function* lists() {
    for (let n = 0; n < 12_000; n++) yield [n];
  }
  async function* objects() {
    for (let n = 0; n < 12_000; n++) yield { n };
  }
  const posting = await postWork("./a/b.ts#f", lists(), objects(), {
    db: database.url,
  });
  const args = await argsOf(database.db, posting.id);
  expect(args).toHaveLength(12_000);
  expect(args.every((list, n) => Bun.deepEquals(list, [n, { n }]))).toBe(true);
  expect(await postings(database.db)).toEqual([{ id: posting.id, entryPoint: "a/b.ts#f" }]);
});

test("a program that changes its environment posts to the database named there from then on", async () => {
  await using first = await freshDatabase();
  await using second = await freshDatabase();
  const before = process.env["PDOFLOW_DATABASE_URL"];
  try {
    for (const { url } of [first, second, first]) {
      process.env["PDOFLOW_DATABASE_URL"] = url;
      await postWork("a.ts#f", [[1]]);
    }
  } finally {
    if (before === undefined) delete process.env["PDOFLOW_DATABASE_URL"];
    else process.env["PDOFLOW_DATABASE_URL"] = before;
  }
  expect(await postings(first.db)).toHaveLength(2);
  expect(await postings(second.db)).toHaveLength(1);
});

test("the options of a posting that has only defaults are not sent", async () => {
  await using database = await freshDatabase();
  const statements: unknown[] = [];
  const db = {
    ...database.db,
    sql: new Proxy(database.db.sql, {
      apply(target, self, args) {
        statements.push(args[3]); // after the text, the schema and the entry point
        return Reflect.apply(target, self, args);
      },
    }),
  };
  await insertPosting(
    db,
    { entryPoint: "a.ts#f", priority: 0, osUser: "ada" },
    [{ args: ["[]"] }],
    "",
  );
  expect(statements).toEqual([JSON.stringify({ osUser: "ada" })]);
});

test("each job can have a priority of its own, and keeps its index", async () => {
  await using database = await freshDatabase();
  const options = { priority: [1, 3, 2], maxAttempts: 5, backoffMs: 20, root, db: database.url };
  const { id } = await postWork(anything, [["a"], ["b"], ["c"]], [], options);
  const rows = await database.db.sql`
    select index, args->>0 as arg from ${database.db.sql.unsafe(eachJob)} where posting_id = ${id} order by seq`;
  expect([...rows]).toEqual([
    { index: 1, arg: "b" },
    { index: 2, arg: "c" },
    { index: 0, arg: "a" },
  ]);
  const [row] = await database.db.sql`select max_attempts, backoff_ms from pdoflow.posting`;
  expect(row).toEqual({ maxAttempts: 5, backoffMs: 20 });
});

describe("nothing is posted", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database[Symbol.asyncDispose]());

  const refused: [sentence: string, call: Call, name: string, ...says: string[]][] = [
    ["without arguments", [[], []], "NothingToPost"],
    ["with a list too many", [[[1], [2]], [{}]], "UnequalLengths", "kwargs has 1"],
    ["with a list too few", [[[1]], [{}, {}]], "UnequalLengths", "posargs has 1"],
    ["with a priority too few", [[[1], [2]], [], { priority: [1] }], "UnequalLengths", "priority"],
    [
      "with no priorities at all",
      [[[1]], [], { priority: [] }],
      "UnequalLengths",
      "priority has 0",
    ],
    [
      "for a function",
      [[[1], [1, { f: [fit] }]]],
      "UnencodableJob",
      "Job 1",
      "[1].f[0]",
      "function",
    ],
    ["for a bad keyword", [[], [{ a: 1 }, { b: Symbol("s") }]], "UnencodableJob", "Job 1", " b"],
    ["for no list", [[1, 2]], "InvalidInput", "job 0", "a value of type number"],
    ["for no object", [[], [[1]]], "InvalidInput", "job 0", "a list"],
    ["for no lists", [7], "InvalidInput", "posargs", "number"],
    ["for a text", ["abc"], "InvalidInput", "posargs", "string"],
    ["for half a priority", [[[1]], [], { priority: [0.5] }], "InvalidInput", "job 0", "0.5"],
    ["for a large priority", [[[1]], [], { priority: 2 ** 31 }], "InvalidInput", "to 2147483647"],
    [
      "for no tries",
      [[[1]], [], { maxAttempts: 0 }],
      "InvalidInput",
      "maxAttempts: expected a whole number from 1 to 1000, found 0",
    ],
    ["for a misspelt option", [[[1]], [], { triez: 1 }], "InvalidInput", "triez"],
    ["for a URL of something else", [[[1]], [], { db: "http://x/" }], "InvalidInput", "option db"],
  ];
  test.each(refused)("%s", async (_sentence, [posargs, kwargs, options], name, ...says) => {
    const error = await postWork(
      "fit.ts#fit",
      posargs as Source<unknown[]>,
      kwargs as Source<object>,
      { db: database.url, ...options },
    ).then(String, (error: Error) => error);
    expect(error).toMatchObject({ name });
    for (const part of says) expect(String(error)).toContain(part);
    expect(await postings(database.db)).toEqual([]);
  });

  test("when a generator throws, whose error comes as it is, and after its finally", async () => {
    const mine = Object.assign(new Error("no such file"), { code: "ENOENT" });
    const closed: string[] = [];
    function* lists() {
      try {
        for (;;) yield [1];
      } finally {
        closed.push("lists");
      }
    }
    function* objects() {
      for (let n = 0; n < 20_000; n++) yield { n };
      throw mine;
    }
    const posting = postWork("fit.ts#fit", lists(), objects(), { db: database.url });
    expect(await posting.then(String, (error: unknown) => error)).toBe(mine);
    expect(closed).toEqual(["lists"]);
    expect(await postings(database.db)).toEqual([]);
    const [jobs] = await database.db.sql`select ${database.db.sql.unsafe(jobCount)} as count`;
    expect(jobs).toEqual({ count: 0 });
  });
});

test("postings that are made of the results of others don't wait for each other", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url };
  const first = await postWork(anything, [[1], [2]], [], options);
  async function* again() {
    for (let n = 0; n < 6_000; n++) yield [n]; // more than is read before the transaction begins
    for await (const { index } of first.results()) yield [index];
  }
  const all = Array.from({ length: 9 }, () => postWork(anything, again(), [], options));
  expect((await Promise.all(all)).map(({ jobCount }) => jobCount)).toEqual(Array(9).fill(6_002));
});

test("a database without the schema is refused, until it has been migrated", async () => {
  await using database = await freshDatabase();
  await database.db.sql`drop schema pdoflow cascade`;
  const post = () => postWork("fit.ts#fit", [[1]], [], { db: database.url });
  const error = await post().catch(String);
  expect(error).toMatch(/^SchemaOutdated: .*pdoflow migrate/);
  await migrate(database.db);
  expect(await post()).toMatchObject({ jobCount: 1 });
});

test("arguments are checked against the function's parameters", () => {
  // Never run: `bun check` fails where an error is not one.
  const calls = async (options: Required<PostOptions>) => {
    const texts: string[] = [];
    await postWork(anything, [[texts]], [], options);
    // @ts-expect-error the third is a text
    await postWork(scale, [[1, 2, 3]]);
    // @ts-expect-error one is missing
    await postWork(scale, [[1, 2]]);
    // @ts-expect-error a number is expected
    await Registry.get(fit).postWork(texts.map((text) => [text, { seed: 1 }]));
    // @ts-expect-error the object has a seed
    await postWork(fit, [[1]], [{ sed: 1 }]);
    // @ts-expect-error the object has a seed
    await postWork(named, [], [{ sed: 1 }]);
    await postWork(fit, [[1, { seed: 1 }]]);
    await postWork(named, [[{ seed: 1 }]], []);
    const posting = await Registry.get(fit).postWork([[1]], [{ seed: 1 }]);
    for await (const { result } of posting.results()) result?.toFixed();
  };
  expect(calls).toBeFunction();
});

type Call = [posargs: unknown, kwargs?: unknown, options?: PostOptions & { triez?: number }];

async function postings({ sql }: Db) {
  return [...(await sql`select id, entry_point from pdoflow.posting order by id`)];
}

async function argsOf({ sql }: Db, id: number): Promise<unknown[]> {
  const rows = await sql<{ args: unknown }[]>`
    select args from ${sql.unsafe(eachJob)} where posting_id = ${id} order by seq`;
  return rows.map(({ args }) => args);
}
