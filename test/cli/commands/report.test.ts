import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "bun:test";

import { readReport } from "../../../src/db/read/figures/report-data.ts";
import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";
import { withRoles } from "../../db/roles/roles.ts";
import { jobsOf, newPool, postJobs, record, take } from "../../db/engine.ts";
import { documentOf } from "./json.ts";

const open = async () => {
  const db = await freshDatabase();
  const cli = await openQueueCommands(db);
  const read = (name: string) => readFileSync(join(cli.folder, name), "utf8");
  const dispose = async () => {
    cli[Symbol.dispose]();
    await db[Symbol.asyncDispose]();
  };
  return { db, cli, read, [Symbol.asyncDispose]: dispose };
};

test("report writes one page, and the same figures as JSON", async () => {
  await using queue = await open();
  const { cli, read } = queue;
  const id = await cli.post([1, 2, 3, 13, 4], "--name", "night");
  await cli.drain();
  const written = await cli.run("report", String(id), "-o", "a.html");
  expect(written).toMatchObject({ code: 0, out: "" });
  const page = read("a.html");
  expect(page).toStartWith("<!doctype html>");
  expect(page).toContain("2 of 5 jobs failed, 3 are done.");
  expect(page).toContain("RangeError: 13 is too far");
  expect(page).not.toContain("Arguments");
  expect((await cli.run("report", "last", "-o", "-", "--show-values")).out).toContain("[13]");
  await cli.run("report", "@night", "-o", "a.json");
  const printed = await cli.run("report", "last", "--json");
  for (const text of [read("a.json"), printed.out]) {
    expect(documentOf("report", text)).toMatchObject({
      jobs: { done: 3, failed: 2 },
      postings: [
        { id, name: "night", options: [{}, {}], usage: { attempts: 5, asked: { cpus: 1 } } },
      ],
      attempts: [{ attempt: 1, done: 3, failed: 2, retried: 0 }],
      failures: [{ count: 2, error: { name: "RangeError" }, args: null }],
      machines: [{ pools: 1, slots: 1, attempts: { done: 3 } }],
    });
  }
  expect(readdirSync(cli.folder).filter((name) => name.includes("draft"))).toEqual([]);
});

test("a posting of which nothing ran, and several postings, have a report", async () => {
  await using queue = await open();
  const { cli, read } = queue;
  await cli.post([1, 2], "fn.ts#quick");
  await cli.drain();
  await cli.post([1], "fn.ts#quick", "--after-failed", "1");
  expect(await cli.run("report", "2")).toMatchObject({ code: 0 });
  expect(read("report-2.html")).toContain("1 ended without a failed job");
  const both = await cli.run("report", "1", "2", "-o", "-");
  expect(both.out).toContain("2 of 3 jobs are done, 1 did not run yet.");
  expect(await cli.run("report")).toMatchObject({ code: 2 });
  expect(await cli.run("report", "--flow", "9")).toMatchObject({ code: 4 });
});

test("an older report stays if the new one cannot be written, which is said at once", async () => {
  await using queue = await open();
  const { cli, read } = queue;
  const id = String(await cli.post([1], "fn.ts#quick"));
  mkdirSync(join(cli.folder, "folder.html"));
  // Nobody runs the job: without the check, these would wait for ever.
  for (const words of [
    ["wait", id],
    ["run", "fn.ts#quick", "--args", "1", "--no-check"],
  ]) {
    for (const file of ["gone/a.html", "folder.html"]) {
      const { code, err } = await cli.run(...words, "--report", file);
      expect({ code, err }).toEqual({
        code: 74,
        err: expect.stringContaining("that can be written"),
      });
    }
  }
  const pdf = await cli.run("report", id, "-o", "a.pdf");
  expect(pdf).toMatchObject({ code: 2, err: expect.stringContaining(".html or .json") });
  const nowhere = await cli.run("report", id, "-o", "no/a.html");
  expect(nowhere.err).toContain("no/a.html: ENOENT: no such file or directory. Name another");
  writeFileSync(join(cli.folder, "a.html"), "before");
  expect(await cli.run("report", "9", "-o", "a.html")).toMatchObject({ code: 4 });
  expect(read("a.html")).toBe("before");
  expect(await cli.run("report", id, "-o", "/dev/null")).toMatchObject({ code: 0 });
});

test("run and wait write their report when they end, also if jobs failed", async () => {
  await using queue = await open();
  const { cli, read } = queue;
  await cli.write("args.json", "[[1],[3]]");
  const run = ["run", "fn.ts#fn", "args.json", "--max-attempts", "1", "--no-check"];
  const ran = await cli.run(...run, "--report", "run.html");
  expect(ran.code).toBe(1);
  expect(read("run.html")).toContain("1 of 2 jobs failed, 1 is done.");
  expect(await cli.run("wait", "last", "--report", "wait.json")).toMatchObject({ code: 1 });
  expect(documentOf("report", read("wait.json"))).toMatchObject({ jobs: { done: 1, failed: 1 } });
  await cli.post([1], "fn.ts#quick");
  const late = await cli.run("wait", "last", "--timeout", "10ms", "--report", "late.html");
  expect(late.code).toBe(124);
  expect(existsSync(join(cli.folder, "late.html"))).toBeTrue();
});

test("a flow has a report with its graph, also when its wait is over", async () => {
  await using queue = await open();
  const { cli, read } = queue;
  const stage = (name: string, more = "") =>
    `[stage.${name}]\nrun = "fn.ts#quick"\neach = "1-3"\n${more}\n`;
  await cli.write("f.toml", `name = "f"\n${stage("first")}${stage("second", 'after = "first"')}`);
  await cli.run("flow", "post", "f.toml", "--no-check");
  await cli.drain();
  expect(await cli.run("flow", "wait", "@f", "--report", "f.html")).toMatchObject({ code: 0 });
  const page = read("f.html");
  expect(page).toContain("All 6 jobs are done.");
  expect(page.match(/class="box done"/g)).toHaveLength(2);
  expect(page.match(/class="link"/g)).toHaveLength(1);
  const { out } = await cli.run("report", "--flow", "last", "--json");
  expect(documentOf("report", out)).toMatchObject({
    flows: [{ name: "f", state: "done", graph: [{ name: "first" }, { name: "second" }] }],
  });
});

test("a viewer reads a report, and a poster one of its own postings", async () => {
  await using roles = await withRoles("viewer", "poster");
  await roles.grant("viewer", "viewer");
  await roles.grant("poster", "poster");
  const pool = await newPool(roles.db, "here");
  const id = await postJobs(roles.db, 3);
  const jobs = jobsOf(await take(roles.db, pool));
  await record(roles.db, pool, jobs.slice(0, 2));
  const countOf = async (role: string) => {
    const report = await readReport(await roles.as(role), {
      ...{ postings: [id], flows: [], withValues: false },
    });
    return report.overview.attempts.reduce((sum, { count }) => sum + count, 0);
  };
  expect(await countOf("viewer")).toBe(2);
  expect(await countOf("poster")).toBe(0);
});
