import { expect, test } from "bun:test";

import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";
import type { Db } from "../../../src/db/connection/connect.ts";

const jobs = `
  import { writeFileSync, appendFileSync } from "node:fs";
  import { currentJob, job } from "pdoflow";

  export const child = job((i: number) => i * 10);

  export async function spawns(failing: number) {
    const { post, attempt } = currentJob();
    const id = await post(child, [[1], [2], [3]]);
    if (attempt <= failing) throw new Error("not yet");
    return id;
  }
  export async function dies() {
    const { post, attempt } = currentJob();
    await post("a.ts#child", [[1]]);
    if (attempt === 1) process.kill(process.pid, "SIGKILL");
    return "done";
  }
  export async function hangs() {
    await currentJob().post(child, [[1]]);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  export function forgets() {
    for (let i = 0; i < 3; i++) void currentJob().post(child, [[i]], { name: "child" + i });
    return "early";
  }
  export function forgetsFault() {
    void currentJob().post(child, []).catch(() => {});
    void currentJob().post("nowhere", [[1]]);
  }
  async function* rows(count: number) {
    for (let i = 0; i < count; i++) yield [i, "x".repeat(40)];
  }
  export const large = () => currentJob().post(child, rows(50_000), { keepsResults: false });
  export async function caught(fn: string, options: object) {
    try {
      return await currentJob().post(fn, [[1]], options);
    } catch (error) {
      return { name: error.name, message: error.message };
    }
  }
  export async function endless() {
    await currentJob().post("a.ts#endless", [[]]);
  }
  export const spawnsFault = () => currentJob().post("a.ts#fails", [[1]], { maxAttempts: 1 });
  export const fails = () => { throw new Error("no"); };
  export const lists = (n: number) => Array.from({ length: n }, (_, i) => i);
  export const tooMany = () => currentJob().post(child, Array(100_001).fill([1]));
`;

/** The number of postings that jobs have posted, by entry point and jobs, and of dropped drafts. */
async function childrenOf({ sql }: Pick<Db, "sql">) {
  const posted = await sql<{ child: string }[]>`
    select c.parent_id || '/' || c.parent_seq || ' posted ' || p.job_count || ' of ' ||
           p.entry_point || ': ' || p.done || ' done' as child
    from pdoflow.child c join pdoflow.posting p on p.id = c.posting_id order by c.posting_id`;
  const [counts] = await sql<{ dropped: number; drafts: number }[]>`
    select count(dropped_at)::integer as dropped, count(draft)::integer as drafts
    from pdoflow.child`;
  return { posted: posted.map(({ child }) => child), ...counts };
}

async function openProject() {
  const db = await freshDatabase();
  const cli = await openCommands(db);
  await cli.write("a.ts", jobs);
  const post = async (name: string, args: unknown[], ...options: string[]) => {
    const input = JSON.stringify([args]);
    await cli.runWith({ input }, "post", `a.ts#${name}`, "-", "--backoff", "1ms", ...options);
  };
  const drain = async () => await cli.run("pool", "--once", "--max-workers", "2");
  return {
    sql: db.sql,
    cli,
    post,
    drain,
    /** Posts one job, and runs it and its children. */
    run: async (name: string, args: unknown[], ...options: string[]) => {
      await post(name, args, ...options);
      return await drain();
    },
    result: async () => (await cli.run("results", "1")).out.trim(),
    [Symbol.asyncDispose]: async () => {
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

test("a job has posted once, in the attempt that succeeded, and nothing if it failed for good", async () => {
  await using project = await openProject();
  for (const failing of [0, 2, 3]) await project.post("spawns", [failing]);
  await project.post("dies", []); // its worker is killed after it has posted
  await project.drain();
  const { posted, ...counts } = await childrenOf(project);
  expect(posted.toSorted()).toEqual([
    "1/0 posted 3 of a.ts#child: 3 done",
    "2/0 posted 3 of a.ts#child: 3 done",
    "4/0 posted 1 of a.ts#child: 1 done",
  ]);
  expect(counts).toEqual({ dropped: 2 + 3 + 1, drafts: 0 });
  const [row] = await project.sql`select posting_id as id from pdoflow.child where parent_id = 1`;
  expect(await project.result()).toContain(String(row?.["id"]));
});

test("a job that ran too long has posted nothing", async () => {
  await using project = await openProject();
  await project.run("hangs", [], "--timeout", "300ms", "--max-attempts", "1");
  expect(await childrenOf(project)).toEqual({ posted: [], dropped: 1, drafts: 0 });
});

test("posts that a job does not await are part of its attempt, and so are their errors", async () => {
  await using project = await openProject();
  await project.run("forgets", []);
  expect(await childrenOf(project)).toEqual({
    posted: [0, 1, 2].map(() => "1/0 posted 1 of a.ts#child: 1 done"),
    ...{ dropped: 0, drafts: 0 },
  });
  await project.run("forgetsFault", [], "--max-attempts", "1");
  expect((await project.cli.run("failures", "5")).out).toContain("nowhere");
});

test("50,000 rows of a generator are posted in several messages", async () => {
  await using project = await openProject();
  await project.run("large", []);
  expect((await childrenOf(project)).posted).toEqual([
    "1/0 posted 50000 of a.ts#child: 50000 done",
  ]);
});

test("faults are errors of the job", async () => {
  await using project = await openProject();
  await project.run("caught", ["a.ts#child", { maxAttempts: 0 }]);
  expect(await project.result()).toContain("maxAttempts");
  const { cli } = project;
  await cli.runWith({ input: '[["a.ts#child", {"key": "k"}]]' }, "post", "a.ts#caught", "-");
  await cli.runWith({ input: '[["/etc/passwd#x", {}]]' }, "post", "a.ts#caught", "-");
  await cli.run("pool", "--once");
  expect((await cli.run("results", "2", "3")).out).toContain("key: unknown name");
  expect((await cli.run("results", "2", "3")).out).toContain("absolute");
});

test("case 22: a job that posts itself for ever ends with an error that names the chain", async () => {
  await using project = await openProject();
  await project.run("endless", []);
  const { posted } = await childrenOf(project);
  expect(posted).toHaveLength(32);
  const [row] = await project.sql`
    select attempt, error ->> 'name' as name, error ->> 'message' as message
    from pdoflow.outcome where state = 'failed'`;
  expect(row).toMatchObject({ attempt: 1, name: "FatalError" });
  expect(row?.["message"]).toContain("found 1 > 2 > 3");
});

test("more than 100,000 jobs in a call are refused, once and for all", async () => {
  await using project = await openProject();
  await project.run("tooMany", []);
  const [row] = await project.sql`
    select attempt, error ->> 'message' as message from pdoflow.outcome`;
  expect(row?.["message"]).toContain("at most 100000 jobs in a call");
  expect(row).toMatchObject({ attempt: 1 });
});

test("wait --tree waits for children too, and status names them", async () => {
  await using project = await openProject();
  const { cli, sql } = project;
  await cli.runWith({ input: "[[]]" }, "post", "a.ts#spawnsFault", "-");
  const waiting = cli.start("wait", "--tree", "1");
  await sql`select pdoflow.post('a.ts#child', '[[4]]', '{"after": [{"posting": 1}]}')`;
  await cli.run("pool", "--once");
  expect(await waiting.exited).toBe(1);
  expect((await cli.run("wait", "1")).code).toBe(0);
  const { err } = await cli.run("status", "1", "3");
  expect(err).toContain("posting 1: its jobs posted 1 posting: 3");
  expect(err).toContain("posting 3: job 1/0 posted it");
  const [row] = await sql`select reason from pdoflow.obstacles(2)`;
  expect(row).toEqual({ reason: "1 has 1 failed job, in 3" });
});

test("C1: the children of a run are run by any pool, since that of the run may have ended", async () => {
  await using project = await openProject();
  const { cli } = project;
  expect((await cli.run("run", "a.ts#spawns", "--each", "0")).code).toBe(0);
  expect((await cli.run("pool", "--once")).code).toBe(0);
  expect((await childrenOf(project)).posted).toEqual(["1/0 posted 3 of a.ts#child: 3 done"]);
});

test("P15: post --expand: commands show a posting that is not expanded yet, and a pool runs it", async () => {
  await using project = await openProject();
  const { cli } = project;
  await cli.runWith({ input: "[[3]]" }, "post", "a.ts#lists", "-");
  const posted = await cli.run("post", "a.ts#child", "--expand", "last");
  expect(posted).toMatchObject({ code: 0, out: "2\n" });
  const both = await cli.run("post", "a.ts#child", "--expand", "1", "--each", "1-3");
  expect(both.err).toContain("expected no other source of jobs, found --each");
  expect((await cli.run("post", "a.ts#child", "--expand", "77")).code).toBe(4);
  for (const command of ["status", "jobs", "results", "explain"]) {
    expect((await cli.run(command, "2")).err).not.toContain("bug in pdoflow");
  }
  expect((await cli.run("wait", "2", "--timeout", "10ms")).code).toBe(124);
  await cli.run("pool", "--once");
  expect((await cli.run("wait", "2")).code).toBe(0);
  const { out } = await cli.run("results", "2");
  expect(out).toContain("20");
});
