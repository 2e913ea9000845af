import { expect, test } from "bun:test";
import { join } from "node:path";

import { eachJob, jobCount } from "../../db/each-job.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../in-process.ts";
import { documentOf } from "./json.ts";

const source = "export const f = (...args: unknown[]) => args.length;\n";

async function openPosting(db: TestDatabase): Promise<Commands> {
  const cli = await openCommands(db);
  await cli.write("f.ts", source);
  return cli;
}

/** The arguments of all jobs of a posting, in their order. */
const argsOf = async ({ sql }: TestDatabase, id: number) =>
  (await sql`select args from ${sql.unsafe(eachJob)} where posting_id = ${id} order by seq`).map(
    ({ args }): unknown => args,
  );

const count = async ({ sql }: TestDatabase) =>
  (
    await sql`select (select count(*) from pdoflow.posting)::int as postings,
                    ${sql.unsafe(jobCount)} as jobs`
  )[0];

test("several files, each read by its ending, are one posting", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("a.json", "[[1], [2]]");
  await cli.write("b.csv", "n,s\n3,x\n");
  await cli.write("c.tsv", "n\ts\n4\ty\n");
  await cli.write("d.ndjson", "[NaN, -Infinity]\n");
  const files = ["a.json", "b.csv", "c.tsv", "d.ndjson", "-"];
  const input = { input: '[["from a pipe"]]' };
  const { code, err } = await cli.runWith(input, "post", "f.ts#f", ...files, "--kw", "k=v");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(await argsOf(db, 1)).toEqual([
    [1, { k: "v" }],
    [2, { k: "v" }],
    { n: 3, s: "x", k: "v" },
    { n: 4, s: "y", k: "v" },
    [{ $number: "NaN" }, { $number: "-Infinity" }, { k: "v" }],
    ["from a pipe", { k: "v" }],
  ]);
});

test("words, lists, ranges and globs on the command line", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  for (const name of ["d/b.fits", "d/a.fits", "d/c.txt"]) await cli.write(name, "");
  await cli.run("post", "f.ts#f", "--args", "1", "-2", "x", "--kw", "a=1");
  await cli.run("post", "f.ts#f", "--each", "1-5:2", "--each", "m=p,q");
  await cli.run("post", "f.ts#f", "--from-glob", "d/*.fits", "--args", "9");
  await cli.run("post", "f.ts#f", "--from-glob", join(cli.folder, "d/c*"));
  await cli.runWith({ input: "a b\n007\n" }, "post", "f.ts#f", "--each-line");
  const table = ["--format", "csv", "--no-header"];
  await cli.runWith({ input: "a,b c,7\n" }, "post", "f.ts#f", ...table);
  expect(await argsOf(db, 1)).toEqual([[1, -2, "x", { a: 1 }]]);
  expect(await argsOf(db, 2)).toEqual([1, 3, 5].flatMap((n) => ["p", "q"].map((m) => [n, { m }])));
  expect(await argsOf(db, 3)).toEqual([
    ["d/a.fits", 9],
    ["d/b.fits", 9],
  ]);
  expect(await argsOf(db, 4)).toEqual([[join(cli.folder, "d/c.txt")]]);
  expect(await argsOf(db, 5)).toEqual([["a b"], ["007"]]);
  expect(await argsOf(db, 6)).toEqual([["a", "b c", 7]]);
});

test("--priority-column gives each job its own lane", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("a.csv", "n,prio\n1,0\n2,9\n3,0\n");
  await cli.run("post", "f.ts#f", "a.csv", "--priority-column", "prio");
  expect(await argsOf(db, 1)).toEqual([{ n: 2 }, { n: 1 }, { n: 3 }]);
  const lanes = await db.sql`select priority from pdoflow.lane order by priority`;
  expect(lanes.map(({ priority }): unknown => priority)).toEqual([0, 9]);
});

test("--check and --dry-run read all and write nothing", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const check = await cli.run("post", "f.ts#f", "--each", "1-1000", "--check");
  expect(check).toMatchObject({ code: 0, out: "" });
  expect(check.err).toBe("checked 1,000 jobs for f.ts#f; nothing was posted\n");
  const dry = await cli.run("post", "f.ts#f", "--each", "1-1000", "--kw", "d=2", "--dry-run");
  expect(dry.out).toBe('f.ts#f(1,{"d":2})\nf.ts#f(2,{"d":2})\nf.ts#f(3,{"d":2})\n');
  const json = await cli.run("post", "f.ts#f", "--each", "1-1000", "--dry-run", "--json");
  expect(documentOf("post", json.out)).toMatchObject({ id: null, jobCount: 1000 });
  expect((await cli.run("post", "f.ts#g", "--args", "1", "--check")).code).toBe(4);
  const bad = await cli.runWith({ input: "[1]\n[2\n" }, "post", "f.ts#f", "--check");
  expect(bad.code).toBe(2);
  expect(bad.err).toContain("standard input: line 2, column 3: expected a comma or ]");
  expect(
    (await cli.run("post", "f.ts#f", "--args", "1", "--max-rate", "often", "--check")).code,
  ).toBe(2);
  expect(await count(db)).toEqual({ postings: 0, jobs: 0 });
});

test("the same key gives the same posting, also to concurrent posters", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const post = () =>
    cli.runWith({ input: "[1]\n[2]\n" }, "post", "f.ts#f", "--no-check", "--key", "night 1");
  const runs = await Promise.all([post(), post(), post(), post()]);
  expect(new Set(runs.map(({ out }) => out)).size).toBe(1);
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(runs.filter(({ err }) => err.includes('has the key "night 1"'))).toHaveLength(3);
  expect(await count(db)).toEqual({ postings: 1, jobs: 2 });
  const other = await cli.run(
    "post",
    "f.ts#other",
    "--no-check",
    "--args",
    "1",
    "--key",
    "night 1",
  );
  expect(other.code).toBe(2);
  expect(other.err).toContain("belongs to posting");
});

test("for a key that was posted before, the differences of the new posting are reported", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const post = async (input: string, ...options: string[]) => {
    const all = ["post", "f.ts#f", "--no-check", "--key", "night", ...options];
    const { code, out, err } = await cli.runWith({ input }, ...all);
    expect({ code, out }).toEqual({ code: 0, out: "1\n" });
    return err;
  };
  expect(await post("[1]\n[2]\n", "--max-attempts", "5")).toBe("");
  const known = 'pdoflow post: posting 1 has the key "night": nothing was posted';
  expect(await post("[1]\n[2]\n", "--max-attempts", "5")).toBe(`${known}\n`);
  expect(await post("[1]\n[3]\n", "--priority", "7")).toBe(
    `${known}. What you gave now differs: other arguments, ` +
      "--priority 7 (posting 1: 0), --max-attempts 3 (posting 1: 5)\n",
  );
  const jobs = "[1]\n".repeat(40_000);
  expect(await post(jobs, "--max-attempts", "5")).toBe(
    `${known}. What you gave now differs: 40,000 jobs (posting 1: 2)\n`,
  );
  await cli.run("cancel", "1");
  expect(await post("[1]\n[2]\n", "--max-attempts", "5")).toBe(
    `${known}. Posting 1 is cancelled: to post these jobs, use another key\n`,
  );
  expect(await count(db)).toEqual({ postings: 1, jobs: 2 });
});

test("a key of a posting that failed to be posted is free", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const bad = await cli.runWith({ input: "[1]\n[" }, "post", "f.ts#f", "--key", "k");
  expect(bad.code).toBe(2);
  const good = await cli.runWith({ input: "[1]" }, "post", "f.ts#f", "--key", "k");
  expect(good).toMatchObject({ code: 0, err: "" });
});

test("--wait exits when all jobs have ended, with code 1 if some failed", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.write("f.ts", "export const f = () => { throw new Error('no'); };\n");
  const waiting = cli.run("post", "f.ts#f", "--args", "1", "--max-attempts", "1", "--wait");
  await until("the posting", async () => (await count(db))?.["postings"] === 1);
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await waiting).toMatchObject({ code: 1, out: "1\n" });
});

test("--each alone stores no jobs: two billion are posted and shown at once", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  const all = ["post", "f.ts#f", "--each", "1-1000000000", "--each", "m=a,b"];
  const dry = await cli.run(...all, "--dry-run");
  expect(dry.out.trim().split("\n")).toEqual([
    'f.ts#f(1,{"m":"a"})',
    'f.ts#f(1,{"m":"b"})',
    'f.ts#f(2,{"m":"a"})',
  ]);
  expect(dry.err).toContain("checked 2,000,000,000 jobs for f.ts#f");
  expect((await cli.run(...all, "--check")).err).toContain("checked 2,000,000,000 jobs");
  const { out } = await cli.run(...all, "--json");
  expect(JSON.parse(out)).toMatchObject({ id: 1, jobCount: 2_000_000_000 });
  expect([...(await db.sql`select end_seq, args from pdoflow.job`)]).toEqual([
    { endSeq: 2_000_000_000, args: null },
  ]);
  const shown = await cli.run("jobs", "1/1999999999", "--json");
  expect(JSON.parse(shown.out)).toMatchObject({ args: [1_000_000_000, { m: "b" }] });
  const more = await cli.run("post", "f.ts#f", "--each", "1-1100000000", "--each", "a,b");
  expect(more.err).toContain("at most 2147483647 combinations");
});

test("few combinations, and combinations with a file, are stored as a list", async () => {
  await using db = await freshDatabase();
  using cli = await openPosting(db);
  await cli.run("post", "f.ts#f", "--each", "1-1000");
  await cli.runWith({ input: "a\nb\n" }, "post", "f.ts#f", "-", "--each-line", "--each", "1-2000");
  expect([...(await db.sql`select from pdoflow.job where sweep is not null`)]).toEqual([]);
  expect(await count(db)).toEqual({ postings: 2, jobs: 5_000 });
});

test("jobs of a sweep run, fail, are retried and executed by hand as others", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "s.ts",
    `import { existsSync } from "node:fs";
     export const f = (n: number, { m }: { m: string }) => {
       if (n === 777 && !existsSync("mended")) throw new Error("seven");
       return n + m;
     };`,
  );
  const post = ["post", "s.ts#f", "--each", "1-1500", "--kw", "m=x", "--key", "k"];
  expect((await cli.run(...post, "--max-attempts", "1")).out).toBe("1\n");
  await cli.run("pool", "--once", "--max-workers", "2");
  expect((await cli.run("failures", "1")).out).toContain("seven");
  expect((await cli.run("explain", "1/776")).out).toContain("failed");
  expect((await cli.run("execute-job", "1/2")).err).toContain('returned "3x"');
  await cli.write("mended", "");
  await cli.run("retry", "1", "--failed");
  await cli.run("pool", "--once", "--max-workers", "2");
  const lines = (await cli.run("results", "1", "--args")).out.trim().split("\n");
  expect(lines).toHaveLength(1_500);
  expect(lines[776]).toContain("777x");
  const again = await cli.run(...post, "--max-attempts", "1");
  expect([again.out, again.err.includes("differs")]).toEqual(["1\n", false]);
  const other = await cli.run("post", "s.ts#f", "--each", "2-1501", "--kw", "m=x", "--key", "k");
  expect(other.err).toContain("other arguments");
});

test("--wait with the key of a posting that was cancelled exits with 1", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("k.ts", "export const f = (n: number) => n;");
  const post = ["post", "k.ts#f", "--each", "1", "--key", "night"];
  expect((await cli.run(...post)).code).toBe(0);
  await cli.run("cancel", "1");
  expect((await cli.run(...post, "--wait")).code).toBe(1);
});
