// Whose code a posting is of, so that a pool in another folder does not run its own instead.
import { expect, test } from "bun:test";
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Cli, openCli } from "../cli.ts";

/** Two folders that have an f.ts and a package.json each. */
async function writeProjects(cli: Cli, names: { a: string; b: string }) {
  for (const each of ["a", "b"] as const) {
    mkdirSync(join(cli.folder, each));
    await cli.write(`${each}/f.ts`, `export const f = (n: number) => "${each}" + n;`);
    await cli.write(`${each}/package.json`, JSON.stringify({ name: names[each] }));
  }
  const runIn =
    (folder: string, env: Record<string, string> = {}) =>
    (...args: string[]) =>
      cli.runWith({ cwd: join(cli.folder, folder), env }, ...args);
  return { inA: runIn("a"), inB: runIn("b"), runIn };
}

test("on the embedded server a pool runs only the postings of its own folder, and reports the others", async () => {
  using cli = await openCli(null);
  const data = join(tmpdir(), `pdoflow-projects-${crypto.randomUUID()}`);
  const { runIn } = await writeProjects(cli, { a: "copy", b: "copy" }); // two copies of one project
  const [inA, inB] = [runIn("a", { PDOFLOW_DATA: data }), runIn("b", { PDOFLOW_DATA: data })];
  const a = join(realpathSync(cli.folder), "a");
  try {
    expect(await inA("post", "f.ts#f", "--each", "1-2")).toMatchObject({ code: 0, out: "1\n" });
    const wrong = await inB("pool", "--once");
    expect(wrong.code).toBe(0);
    expect(wrong.err).toContain(
      `1 posting of project ${a} waits for a pool of that project. ` +
        `Start one with: pdoflow pool --root ${a}`,
    );
    expect(JSON.parse((await inB("status", "--json")).out)).toMatchObject({
      postings: [{ project: a, jobs: { waiting: 2, done: 0 } }],
    });
    expect((await inB("status")).err).toContain(`pdoflow pool --root ${a}`);
    expect((await inB("explain", "1/0")).out).toContain(`pdoflow pool --root ${a}`);
    const executed = await inB("execute-job", "1/0");
    expect(executed.code).toBe(2);
    expect(executed.err).toContain(`--root ${a}`);

    expect((await inB("pool", "--once", "--root", "../a")).code).toBe(0);
    expect((await inB("results", "1")).out).toMatch(/"a1"[^]*"a2"/);
    // A key of one project is not taken for that of another.
    await inA("post", "f.ts#f", "--each", "1", "--key", "night");
    const taken = await inB("post", "f.ts#f", "--each", "1", "--key", "night");
    expect(taken).toMatchObject({ code: 2, out: "" });
    expect(taken.err).toContain(`belongs to posting 2 of the project "${a}"`);
  } finally {
    await inA("down");
    rmSync(data, { recursive: true, force: true });
  }
}, 120_000);
