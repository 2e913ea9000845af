// How the arguments of a posting are stored: J1 to J5 of the table job.
import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { readResults } from "../../../src/db/read/results.ts";
import { brokenInvariants } from "../invariants.ts";
import { newPool, postJobs, queueOfFile, readLines, take } from "../engine.ts";

const freshQueue = queueOfFile();

const posting = { entryPoint: "a.ts#f", priority: 0, osUser: "ada" };
const post = (db: Db, args: readonly string[]) => insertPosting(db, posting, [{ args }], "test");

const blocks = async ({ sql }: Db) =>
  await sql<{ first: number; end: number; bytes: number }[]>`
    select first_seq as first, end_seq as end, octet_length(args) as bytes from pdoflow.job
    order by posting_id, first_seq`;

const sizes = async (db: Db) => (await blocks(db)).map(({ first, end }) => end - first);

/** The error of a posting whose text goes to the server as it is. */
async function refusal({ sql }: Db, text: string): Promise<string> {
  try {
    await sql`select pdoflow.post_batch('a.ts#f', '{}', ${text}, null, null, null, true)`;
    return "posted";
  } catch (error) {
    return String(error);
  }
}

test("J1: a block has at most 1,000 jobs, and blocks leave no gap", async () => {
  await using db = await freshQueue();
  await postJobs(db, 2_500);
  expect(await sizes(db)).toEqual([1_000, 1_000, 500]);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("J4: a block of several jobs has at most 64 KiB, and a large job a block to itself", async () => {
  await using db = await freshQueue();
  const [small, large] = [`["${"x".repeat(100)}"]`, `["${"y".repeat(200_000)}"]`];
  await post(db, [...Array.from({ length: 1_500 }, () => small), large, small, small]);
  const rows = await blocks(db);
  expect(rows.filter(({ bytes }) => bytes > 65_536)).toMatchObject([{ first: 1_500, end: 1_501 }]);
  expect(rows.length).toBeLessThan(6);
  expect(await brokenInvariants(db)).toEqual([]);
});

test("J4: the server cuts what is too long for a block, in other alphabets and from other programs", async () => {
  await using db = await freshQueue();
  await post(
    db,
    Array.from({ length: 1_000 }, () => `["${"ä".repeat(60)}"]`),
  );
  const lines = Array.from({ length: 3_000 }, (_, i) => `[${i}]`).join("\n");
  expect(await refusal(db, lines)).toBe("posted");
  expect(await sizes(db)).toEqual([524, 476, 1_000, 1_000, 1_000]);
  const [row] = await readResults(db, {
    ...{ postingId: 2, first: 2_345, size: 1, isSorted: false, hasArgs: true },
  });
  expect(row).toMatchObject({ index: 2_345, args: "[2345]" });
});

test.each([
  ["two values on one line", "[1]\n[2],[3]"],
  ["one value on two lines", "[1\n]"],
  ["one value on two lines, and two on the next", "[[1]\n[2]],[3]"],
  ["an empty line", "[1]\n\n[2]"],
  ["a line feed at the end", "[1]\n"],
  ["no JSON", "[1]\n[2"],
])("J3: refused: %s", async (_what, text) => {
  await using db = await freshQueue();
  expect(await refusal(db, text)).toContain("invalid input syntax for type json");
  expect(await blocks(db)).toHaveLength(0);
});

test("J3: refused: a line that is neither a list nor an object", async () => {
  await using db = await freshQueue();
  expect(await refusal(db, "[1]\n{}\n7")).toContain(
    "job 2: expected a list of arguments or an object, found a number",
  );
});

describe("J5, P9: a sorted posting", () => {
  test("is read by index and by seq, over many blocks", async () => {
    await using db = await freshQueue();
    const priorities = Array.from({ length: 3_000 }, (_, i) => (i * 7) % 3);
    const postingId = await postJobs(db, 3_000, { priorities, perBlock: 700 });
    expect(await brokenInvariants(db)).toEqual([]);
    const rows = await readResults(db, {
      ...{ postingId, first: 900, size: 1_300, isSorted: true, hasArgs: true },
    });
    expect(rows.map(({ index }) => index)).toEqual(
      Array.from({ length: 1_300 }, (_, i) => 900 + i),
    );
    expect(rows.map(({ args }) => args)).toEqual(rows.map(({ index }) => `[${index}]`));
  });

  test.each([
    ["an index twice", "{0,0,1}"],
    ["a gap", "{0,1,3}"],
    ["a negative one", "{0,1,-1}"],
    ["none for a job", "{0,1,null}"],
  ])("is refused with %s", async (_what, indexes) => {
    await using db = await freshQueue();
    const posted = db.sql`
      select pdoflow.post_batch('a.ts#f', '{}', ${"[1]\n[2]\n[3]"}, ${indexes}::integer[],
                                '{2,1}', '{1,2}', true)`;
    expect(await posted.catch(String)).toContain("expected the indexes from 0 to 2, each once");
  });

  test("is refused with too few or too many indexes", async () => {
    await using db = await freshQueue();
    for (const indexes of ["{0,1}", "{0,1,2,3}"]) {
      const posted = db.sql`
        select pdoflow.post_batch('a.ts#f', '{}', ${"[1]\n[2]\n[3]"}, ${indexes}::integer[],
                                  '{2,1}', '{1,2}', true)`;
      expect(await posted.catch(String)).toContain("expected an index for each of 3 jobs");
    }
  });
});

test("any part of a posting is read from its blocks, within a bound of bytes", async () => {
  await using db = await freshQueue();
  const postingId = await postJobs(db, 2_500);
  const ranges = [
    { postingId, firstSeq: 998, endSeq: 2_003, attempt: 1 },
    { postingId, firstSeq: 5, endSeq: 6, attempt: 1 },
  ];
  const long = Array.from({ length: 1_005 }, (_, i) => `[${998 + i}]`);
  expect(await readLines(db, ranges)).toEqual([long, ["[5]"]]);
  expect(await readLines(db, ranges, 1_000)).toEqual([["[998]", "[999]"], []]);
});

test("a job that is missing among those of several ranges is found, with its posting", async () => {
  await using db = await freshQueue();
  const postings = [await postJobs(db, 30), await postJobs(db, 30, { perBlock: 10 })];
  await db.sql`delete from pdoflow.job where posting_id = ${postings[1] ?? 0} and first_seq = 10`;
  const ranges = postings.map((postingId) => ({ postingId, firstSeq: 0, endSeq: 30, attempt: 1 }));
  const gone = { name: "JobsGone", postingId: postings[1] };
  expect(await readLines(db, ranges).catch((error: unknown) => error)).toMatchObject(gone);
  const [whole] = await readLines(db, ranges.slice(0, 1));
  expect(whole).toHaveLength(30);
});

test("a claim returns the arguments of a range that begins and ends within blocks", async () => {
  await using db = await freshQueue();
  await postJobs(db, 1_600, { perBlock: 400 });
  const pool = await newPool(db);
  await take(db, pool, { cap: 300 });
  const [range] = await take(db, pool, { cap: 450 });
  expect(range?.args?.split("\n")).toEqual(Array.from({ length: 450 }, (_, i) => `[${300 + i}]`));
});
