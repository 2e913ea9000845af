import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { markListening } from "../../../src/db/engine/pools.ts";
import type { JobBatch } from "../../../src/db/posting/batches.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { watchStatements } from "../../../src/db/connection/watch-statements.ts";
import { NothingToPost } from "../../../src/domain/errors.ts";
import {
  entryPoint,
  newPool,
  postJobs,
  queueOfFile,
  readLines,
  refusal,
  takeAll,
} from "../engine.ts";
import { commit, openTransaction, until, untilBlocked } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";
import { eachJob } from "../each-job.ts";

const freshQueue = queueOfFile();

const posting = { entryPoint, priority: 0, osUser: "ada" };

const post = (db: Db, batches: AsyncIterable<JobBatch> | Iterable<JobBatch>) =>
  insertPosting(db, posting, batches, "the test");

/** How many rows there are in all tables that a posting writes. */
async function rowCount({ sql }: Db): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select ((select count(*) from pdoflow.posting) + (select count(*) from pdoflow.job)
            + (select count(*) from pdoflow.lane) + (select count(*) from pdoflow.route)) as count`;
  return row?.count ?? -1;
}

describe("all or nothing", () => {
  test("P1: a posting without jobs is refused, and writes nothing", async () => {
    await using db = await freshQueue();
    for (const batches of [[], [{ args: [] }], [{ args: [] }, { args: [] }]]) {
      const said = refusal(post(db, batches));
      expect(await said).toBe(String(new NothingToPost("the test")));
    }
    expect(await rowCount(db)).toBe(0);
  });

  test("if one argument is refused, even in the last batch, nothing is written", async () => {
    await using db = await freshQueue();
    const batches = [
      ...Array.from({ length: 20 }, () => ({ args: ["[1]"] })),
      { args: ['["half'] },
    ];
    expect(await refusal(post(db, batches))).toContain("invalid input syntax for type json");
    expect(await rowCount(db)).toBe(0);
    expect((await post(db, [{ args: ["[1]"] }])).jobCount).toBe(1); // and the connection is well
  });

  test("if the source of jobs breaks off, nothing is written", async () => {
    await using db = await freshQueue();
    async function* broken() {
      yield { args: ["[1]", "[2]"] };
      throw new Error("the file ends early");
    }
    expect(await refusal(post(db, broken()))).toContain("the file ends early");
    expect(await rowCount(db)).toBe(0);
    expect((await post(db, [{ args: ["[1]"] }])).jobCount).toBe(1);
  });

  test("a posting is not to be seen before all of it is there", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const seen: unknown[] = [];
    async function* watched() {
      for (const n of [1, 2, 3]) {
        yield { args: [`[${n}]`] };
        await using other = await openTransaction(db);
        seen.push(await rowCount(other), (await takeAll(other, pool)).length);
      }
    }
    await post(db, watched());
    expect(seen).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await takeAll(db, pool)).toMatchObject([{ firstSeq: 0, endSeq: 3 }]);
  });

  test("options out of range are refused", async () => {
    await using db = await freshQueue();
    for (const bad of [
      { maxAttempts: 0 },
      { maxAttempts: 1001 },
      { backoffMs: -1 },
      { timeoutMs: 0 },
    ]) {
      expect(await refusal(postJobs(db, 1, bad))).toContain("InvalidInput");
    }
    expect(await rowCount(db)).toBe(0);
  });

  test("options at their limits are accepted", async () => {
    await using db = await freshQueue();
    const year = 365 * 24 * 60 * 60 * 1000;
    await postJobs(db, 1, { maxAttempts: 1000, backoffMs: year, timeoutMs: year, graceMs: year });
    await postJobs(db, 1, { maxAttempts: 1, backoffMs: 0, timeoutMs: 1, graceMs: 0, stopAfter: 0 });
    expect(await rowCount(db)).toBe(7);
  });
});

describe("arguments", () => {
  test("any JSON survives: lines, quotes, backslashes, all alphabets and keys", async () => {
    await using db = await freshQueue();
    const args = [
      ["line one\nline two\ttab\r", 'quote " backslash \\ \\n', "\u0001\u001e\u001f\u007f"],
      ["äöü 漢字 🦆 \u2028\u2029", "", " "],
      [{ snake_case: 1, camelCase: 2, "a b": 3, "": { deep_key: [null, true, -0.5, 1e300] } }],
      [],
      ["x".repeat(300_000)],
    ];
    await post(db, [{ args: args.map((list) => JSON.stringify(list)) }]);
    const texts = await readLines(db, await takeAll(db, await newPool(db)));
    expect(texts.flat().map((text) => JSON.parse(text) as unknown)).toEqual(args);
  });

  test("keys in snake_case keep their names even if they are read as json", async () => {
    await using db = await freshQueue();
    await post(db, [{ args: ['[{"snake_case_key": {"inner_key": 1}}]'] }]);
    expect([...(await db.sql`select posting_id, args from ${db.sql.unsafe(eachJob)}`)]).toEqual([
      { postingId: 1, args: [{ snake_case_key: { inner_key: 1 } }] },
    ]);
  });

  test("jobs are asked for as the server takes them, so that a posting takes little memory", async () => {
    await using db = await freshQueue();
    let asked = 0;
    async function* many() {
      while (asked < 100) {
        asked++;
        yield { args: Array.from({ length: 5_000 }, () => "[]") };
        await Bun.sleep(0); // as a file that is read does, so that others can run
      }
    }
    await using other = await openTransaction(db);
    await other.sql`lock table pdoflow.job in share mode`;
    const posted = post(db, many());
    await untilBlocked(db);
    await Bun.sleep(100); // for a posting that would not wait
    expect(asked).toBeLessThanOrEqual(5);
    await commit(other);
    expect(await posted).toMatchObject({ id: 1, jobCount: 500_000, isNew: true });
  });
});

describe("priorities", () => {
  /** Which index is where, in the order of seq. */
  const order = async ({ sql }: Db) =>
    (
      await sql<{ index: number | null; args: number[] }[]>`
        select index, args from ${sql.unsafe(eachJob)} order by seq`
    ).map(({ index, args }) => [index, args[0]]);

  const lanes = async ({ sql }: Db) => [
    ...(await sql`select priority, first_seq, end_seq from pdoflow.lane order by first_seq`),
  ];

  test("J1, J2, N1: jobs are sorted, higher first and stable, and keep their index", async () => {
    await using db = await freshQueue();
    await postJobs(db, 7, { priorities: [0, 5, -3, 5, 0, 2 ** 31 - 1, -(2 ** 31)] });
    expect(await order(db)).toEqual([5, 1, 3, 0, 4, 2, 6].map((index) => [index, index]));
    expect(await lanes(db)).toEqual([
      { priority: 2 ** 31 - 1, firstSeq: 0, endSeq: 1 },
      { priority: 5, firstSeq: 1, endSeq: 3 },
      { priority: 0, firstSeq: 3, endSeq: 5 },
      { priority: -3, firstSeq: 5, endSeq: 6 },
      { priority: -(2 ** 31), firstSeq: 6, endSeq: 7 },
    ]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("they are also sorted across batches", async () => {
    await using db = await freshQueue();
    const batches = [4, 9, 4].map((priority, n) => ({
      args: [`[${2 * n}]`, `[${2 * n + 1}]`],
      priorities: [priority, 4],
    }));
    await post(db, batches);
    expect(await order(db)).toEqual([2, 0, 1, 3, 4, 5].map((index) => [index, index]));
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("J2: without priorities no index is stored, and one lane has all jobs", async () => {
    await using db = await freshQueue();
    await postJobs(db, 3, { priority: 8 });
    expect(await order(db)).toEqual([0, 1, 2].map((index) => [null, index]));
    expect(await lanes(db)).toEqual([{ priority: 8, firstSeq: 0, endSeq: 3 }]);
    expect(await brokenInvariants(db)).toEqual([]);
  });

  test("J2: nor if all priorities are equal, although they were given", async () => {
    await using db = await freshQueue();
    await postJobs(db, 3, { priorities: [8, 8, 8] });
    expect(await order(db)).toEqual([0, 1, 2].map((index) => [null, index]));
  });

  test("two postings with priorities can be made at the same time by one process", async () => {
    await using db = await freshQueue();
    await Promise.all([
      postJobs(db, 3, { priorities: [1, 2, 3] }),
      postJobs(db, 3, { priorities: [3, 2, 1] }),
    ]);
    await postJobs(db, 2, { priorities: [0, 1] });
    expect(await brokenInvariants(db)).toEqual([]);
  });
});

describe("the poster", () => {
  test("R1: the postings of one poster share a route, another has their own", async () => {
    await using db = await freshQueue();
    for (const osUser of ["ada", "ben", "ada"]) await postJobs(db, 1, { osUser });
    const rows = await db.sql`
      select route_id, poster = session_user as is_me, poster_os
      from pdoflow.posting p join pdoflow.route r on r.id = p.route_id order by p.id`;
    expect([...rows].map(({ routeId, isMe, posterOs }) => [routeId, isMe, posterOs])).toEqual([
      [1, true, "ada"],
      [2, true, "ben"],
      [1, true, "ada"],
    ]);
    expect([
      ...(await db.sql`select distinct l.route_id from pdoflow.lane l
                             join pdoflow.posting p on p.id = l.posting_id
                             where l.route_id <> p.route_id`),
    ]).toEqual([]);
  });

  test("R1: two first postings at the same time make one route", async () => {
    await using db = await freshQueue();
    await Promise.all([postJobs(db, 1), postJobs(db, 1)]);
    expect(await db.sql`select from pdoflow.route`).toHaveLength(1);
  });
});

test("pools are notified once for each posting, when it is committed", async () => {
  await using db = await freshQueue();
  const told: string[] = [];
  await markListening(db, await newPool(db));
  await db.sql.listen("pdoflow.posted", (id) => told.push(id));
  async function* slow() {
    yield { args: ["[1]"], priorities: [1] };
    await db.sql`select pg_notify('pdoflow.posted', 'before')`;
    await until("the marker has come", () => told.length === 1);
    yield { args: ["[2]", "[3]"], priorities: [2, 3] };
  }
  const { id } = await post(db, slow());
  const [posting] = await db.sql`select route_id from pdoflow.posting where id = ${id}`;
  await db.sql`select pg_notify('pdoflow.posted', 'after')`;
  await until("all have come", () => told.includes("after"));
  expect(told).toEqual(["before", `${id} 3 ${posting?.["routeId"]}`, "after"]);
});

test("a posting of one batch is one statement, even if a span must be opened", async () => {
  await using db = await freshQueue();
  const said: string[] = [];
  const spied = { ...db, sql: watchStatements(db.sql, (text) => said.push(text)) };
  const options = { entryPoint: "work.ts#main", priority: 3, osUser: "ada", maxAttempts: 7 };
  await db.sql`select setval('pdoflow.posting_id_seq', (select max(end_id) from pdoflow.span))`;
  const spanned = await insertPosting(spied, options, [{ args: ["[1]"] }], "the test");
  expect(said).toHaveLength(3); // refused for want of room, next_span, posted
  said.length = 0;
  const batches = [{ args: [] }, { args: ["[1]", "[2]"] }, { args: [] }];
  const posted = await insertPosting(spied, options, batches, "the test");
  expect(said).toHaveLength(1);
  expect([spanned.jobCount, posted.jobCount]).toEqual([1, 2]);
  expect([
    ...(await db.sql`
      select l.priority, l.end_seq, p.max_attempts, p.job_count, p.max_running, r.poster_os, r.needs
      from pdoflow.posting p join pdoflow.lane l on l.posting_id = p.id
        join pdoflow.route r on r.id = p.route_id where p.id = ${posted.id}`),
  ]).toEqual([
    {
      ...{ priority: 3, endSeq: 2, maxAttempts: 7, jobCount: 2 },
      maxRunning: null,
      posterOs: "ada",
      needs: [],
    },
  ]);
});
