import { expect, test } from "bun:test";

import { openCommands } from "../in-process.ts";
import { freshDatabase } from "../../database.ts";
import { withRoles } from "../../db/roles/roles.ts";
import { documentOf } from "./json.ts";

test("usage compares what a posting used with what it asked for, and suggests needs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "work.ts",
    `export async function work(seconds: number) {
       const end = performance.now() + 1000 * seconds;
       while (performance.now() < end);
       await Bun.sleep(1000 * seconds);
     }`,
  );
  const needs = ["--needs", "cpus=2,mem=2G"];
  await cli.runWith({ input: "[0.1]\n[0.1]\n[0.001]\n" }, "post", "work.ts#work", "-", ...needs);
  const resources = ["--resource", "cpus=2", "--resource", "mem=2G"];
  await cli.run("pool", "--max-workers", "1", "--once", ...resources);
  const [posting] = documentOf("usage", (await cli.run("usage", "--json")).out).postings;
  if (!posting) throw new Error("expected a posting");
  expect(posting).toMatchObject({
    ...{ postingId: 1, entryPoint: "work.ts#work", needs: ["cpus=2", "mem=2G"] },
    ...{ asked: { cpus: 2, memBytes: 2 ** 31 }, attempts: 3, measured: 3 },
    suggestedNeeds: ["cpus=1", expect.stringMatching(/^mem=\d+M$/)],
  });
  const [row] = await db.sql`
    select sum(duration_ms)::float8 as wall, sum(cpu_user_ms + cpu_system_ms) as cpu,
           max(peak_bytes)::float8 as peak, sum(read_bytes)::float8 as read from pdoflow.outcome`;
  expect(posting.wallMs).toBeCloseTo(Number(row?.["wall"]), 0);
  expect((posting.cpuUserMs ?? 0) + (posting.cpuSystemMs ?? 0)).toBeCloseTo(
    Number(row?.["cpu"]),
    0,
  );
  expect(posting.peakBytes).toBe(Number(row?.["peak"]));
  // Of the two long ones, and of the short one if that was measured.
  expect(posting.peaks.reduce((sum, { weight }) => sum + weight, 0)).toBeOneOf([2, 3]);
  const longMs = posting.cores.reduce((sum, { weight }) => sum + weight, 0);
  expect(longMs).toBeGreaterThan(400);
  expect(longMs).toBeLessThan(posting.wallMs);
  const { out } = await cli.run("usage", "1");
  expect(out).toMatch(/^posting 1: work.ts#work\n {2}attempts {6}3 attempts took /);
  expect(out).toMatch(
    /CPU {11}\d+ms \(.* user, .* system\): 0\.\d\d of 2 cpus, efficiency [\d.]+ %/,
  );
  expect(out).toMatch(/memory {8}largest peak \d+M of 2\.0G, efficiency [\d.]+ %/);
  expect(out).toMatch(/suggestion {4}--needs cpus=1,mem=\d+M\n/);
});

test("what was not measured is not shown as nothing", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("work.ts", "export function work() {}");
  await cli.run("post", "work.ts#work", "--args", "1");
  expect((await cli.run("usage")).out).toMatch(/CPU +not measured\n +memory +not measured\n/);
  await cli.run("pool", "--once");
  await db.sql`update pdoflow.outcome_run set usage = null`;
  const { out } = await cli.run("usage");
  expect(out).toContain("1 attempt took");
  expect(out).toMatch(/not measured +1 attempt\n/);
  expect(out).toMatch(/CPU +not measured\n +memory +not measured\n/);
  expect(out).not.toContain("suggestion");
  expect((await cli.run("jobs", "1")).out).toMatch(/ms +- +- /);
  await cli.run("post", "work.ts#work", "--args", "1");
  expect((await cli.run("usage", "1", "2")).out).toMatch(/^total +1 .* - +- +- /m);
  expect(await cli.run("usage", "1", "--by", "poster")).toMatchObject({ code: 2 });
  expect(await cli.run("usage", "--since", "1d")).toMatchObject({ code: 2 });
});

test("--flow adds up the stages of a flow, by its number or name", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("work.ts", "export function work() {}");
  await cli.write(
    "night.toml",
    `name = "night"
    [stage.first]
    run = "work.ts#work"
    each = "1-3"
    [stage.second]
    run = "work.ts#work"
    after = "first"`,
  );
  await cli.run("post", "work.ts#work", "--args", "1");
  const flow = (await cli.run("flow", "post", "night.toml")).out.trim();
  await cli.run("pool", "--once", "--max-workers", "1");
  const { out } = await cli.run("usage", "--flow", "@night");
  expect(out.split("\n").map((line) => line.split(/\s+/, 1)[0])).toEqual([
    ...["posting", "2", "3", "total", ""],
  ]);
  expect(out).toMatch(/^total +4 /m);
  const { total } = documentOf("usage", (await cli.run("usage", "--flow", flow, "--json")).out);
  expect(total).toMatchObject({ attempts: 4 });
});

test("I1: sums by poster and entry point stay after pruning, and a poster sees its own", async () => {
  await using roles = await withRoles("ada", "bob", "viewer");
  for (const role of ["ada", "bob"]) await roles.grant(role, "poster");
  await roles.grant("viewer", "viewer");
  using cli = await openCommands(roles);
  await cli.write("work.ts", "export function one() {}\nexport function two() {}");
  for (const role of ["ada", "bob"]) {
    const { sql } = await roles.as(role);
    await sql`select pdoflow.post('work.ts#one', '[[1], [2], [3]]')`;
    await sql`select pdoflow.post('work.ts#two', '[[1]]')`;
  }
  await cli.run("pool", "--once");
  await roles.db.sql`delete from pdoflow.posting`;
  const sums = async (url: string, by: string) =>
    documentOf("usage", (await cli.run("usage", "--by", by, "--json", "--database", url)).out).sums;
  const byPoster = await sums(roles.url, "poster");
  const poster = (role: string) =>
    expect.objectContaining({ poster: roles.nameOf(role), attempts: 4 });
  expect(byPoster).toHaveLength(2);
  expect(byPoster).toEqual(expect.arrayContaining([poster("ada"), poster("bob")]));
  const byEntry = await sums(roles.url, "entry-point");
  expect(Object.fromEntries(byEntry.map((row) => [row.entryPoint, row.attempts]))).toEqual({
    ...{ "work.ts#one": 6, "work.ts#two": 2 },
  });
  const seen = async (role: string) => {
    const { sql } = await roles.as(role);
    const rows = await sql<{ poster: string }[]>`select distinct poster from pdoflow.usage_hour`;
    return rows.map(({ poster }) => poster).toSorted();
  };
  expect(await seen("ada")).toEqual([roles.nameOf("ada")]);
  expect(await seen("viewer")).toEqual([roles.nameOf("ada"), roles.nameOf("bob")]);
  await roles.db.sql`update pdoflow.usage_hour set hour = hour - interval '2 days'`;
  expect(await sums(roles.url, "poster")).toHaveLength(2);
  const { out } = await cli.run("usage", "--by", "poster", "--since", "1d");
  expect(out).toBe("");
});
