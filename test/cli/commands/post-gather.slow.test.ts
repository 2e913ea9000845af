import { expect, test } from "bun:test";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../in-process.ts";
import { documentOf } from "./json.ts";

async function open(db: TestDatabase): Promise<Commands> {
  const cli = await openCommands(db);
  await cli.write(
    "f.ts",
    "export const f = (n: number) => n;\nexport const g = () => 0;\nexport const h = (n) => n;\n",
  );
  return cli;
}

const postings = async ({ sql }: TestDatabase) => [
  ...(await sql`select id, gather, gather_size, job_count, waits from pdoflow.posting order by id`),
];

test("--gather posts a job that waits, --reduce a tree of levels in one transaction", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-10", "--name", "ten");
  expect(await cli.run("post", "f.ts#g", "--gather", "@ten")).toMatchObject({
    out: "2\n",
    err: "posting 2 waits for 1 (f.ts#f: 0 % done)\n",
  });
  const tree = await cli.run("post", "f.ts#g", "--gather", "1", "--reduce", "3", "--json");
  expect(documentOf("post", tree.out)).toMatchObject({ id: 5, jobCount: 1, isNew: true });
  const level = (id: number, gather: number, jobCount: number, gatherSize: number | null = 3) => ({
    ...{ id, gather, gatherSize, jobCount, waits: true },
  });
  expect(await postings(db)).toEqual([
    { id: 1, gather: null, gatherSize: null, jobCount: 10, waits: false },
    level(2, 1, 1, null),
    level(3, 1, 4),
    level(4, 3, 2),
    level(5, 4, 1),
  ]);
  const edges = await db.sql`select posting_id, upstream_id, kind from pdoflow.edge order by 1`;
  expect(edges.map((edge) => Object.values(edge))).toEqual([
    [2, 1, "after"],
    [3, 1, "after"],
    [4, 3, "after"],
    [5, 4, "after"],
  ]);
});

test("row 16: a posting without results cannot be gathered", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-10", "--no-results");
  const { code, err } = await cli.run("post", "f.ts#g", "--gather", "1");
  expect(code).toBe(2);
  expect(err).toContain("posting 1 keeps no results, so nothing can be gathered");
  expect(await postings(db)).toHaveLength(1);
});

test("row 2: gathering an unknown posting is code 4, and nothing is posted", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  const { code, err } = await cli.run("post", "f.ts#g", "--gather", "41");
  expect({ code, err }).toMatchObject({ code: 4, err: expect.stringContaining("posting 41") });
  expect(await postings(db)).toEqual([]);
});

test.each([
  [["--gather", "1", "--reduce", "1"], "--reduce: expected a whole number from 2"],
  [["--gather", "1", "--tolerate", "some"], "--tolerate: expected a number of jobs such as 3"],
  [["--gather", "1", "--tolerate", "101%"], "--tolerate: expected a number of jobs such as 3"],
  [["a.json", "--gather", "1"], 'expected no other source of jobs, found the file "a.json"'],
  [["--gather", "1", "--each", "1-3"], "expected no other source of jobs, found --each"],
  [["--gather", "1", "--args", "1"], "expected no other source of jobs, found --args"],
  [["--reduce", "5"], "--reduce: expected --gather with the posting whose results to read"],
  [["--with", "[1]"], "--with: expected --gather"],
  [["--gather", "1", "--with", "7"], "--with: expected a list of arguments, such as [7]"],
  [["--gather", "1", "--with", "[1"], "--with, character 3: expected"],
  [["--gather", "1/3"], "expected a whole posting, found single jobs"],
  [["--gather", "last:2"], "expected one posting such as 41, last or @name, found 2"],
  [["--gather", "1", "--sign", "key"], "--sign: expected no --gather: results are not signed"],
])("%p is refused, and nothing is posted", async (flags, message) => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-3");
  await cli.run("post", "f.ts#f", "--each", "1-3");
  const { code, err } = await cli.run("post", "f.ts#g", ...flags);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  expect(await postings(db)).toHaveLength(2);
});

test("a function with parameters needs --with", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-3");
  const { code, err } = await cli.run("post", "f.ts#h", "--gather", "1");
  expect(code).toBe(2);
  expect(err).toContain("f.ts#h takes 1 argument: expected --with with a JSON list");
});

test("--dry-run prints the calls of each level without posting", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-10");
  const flags = ["--gather", "1", "--reduce", "5", "--with", "[7]", "--dry-run"];
  const { out, err, code } = await cli.run("post", "f.ts#h", ...flags);
  expect({ code, out }).toEqual({ code: 0, out: "f.ts#h(7)\nf.ts#h(7)\nf.ts#h(7)\n" });
  expect(err).toContain("level 2: 1 job for the results of level 1");
  expect(err).toContain("checked 3 jobs for f.ts#h; nothing was posted");
  expect(await postings(db)).toHaveLength(1);
});

test("a reduction with a key is posted once, and another one with that key is refused", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "f.ts#f", "--each", "1-10");
  const post = (size: string) =>
    cli.run("post", "f.ts#g", "--gather", "1", "--reduce", size, "--key", "night");
  expect(await post("5")).toMatchObject({ code: 0, out: "3\n" });
  const again = await post("5");
  expect(again).toMatchObject({ code: 0, out: "3\n" });
  expect(again.err).toContain('posting 3 has the key "night": nothing was posted');
  const other = await post("2");
  expect({ code: other.code, out: other.out }).toEqual({ code: 2, out: "" });
  expect(other.err).toContain('the key "night" belongs to a reduction with other levels');
  expect(await postings(db)).toHaveLength(3);
});

test("one job gathers the results of a list that is not there yet, even of an empty one", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.write(
    "list.ts",
    `import { currentJob } from ${JSON.stringify(join(import.meta.dir, "../../../src/index.ts"))};
    export const none = () => [];
    export const count = async () => {
      const all = currentJob().upstream.results();
      return (await Array.fromAsync(all)).length;
    };`,
  );
  await cli.run("post", "list.ts#none", "--no-args");
  await cli.run("post", "f.ts#f", "--expand", "1");
  const tree = await cli.run("post", "list.ts#count", "--gather", "2", "--reduce", "3");
  expect(tree).toMatchObject({ code: 2, err: expect.stringContaining("without --reduce") });
  expect((await cli.run("post", "list.ts#count", "--gather", "2")).out).toBe("4\n");
  await cli.run("pool", "--once");
  expect((await cli.run("results", "4")).out).toContain('"status":"done","result":0');
  await cli.run("post", "list.ts#count", "--gather", "2", "--reduce", "3");
  await cli.run("pool", "--once");
  expect((await cli.run("results", "5")).out).toContain('"status":"done","result":0');
});
