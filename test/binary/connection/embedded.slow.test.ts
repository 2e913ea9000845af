import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openCli } from "../cli.ts";
import { withoutServer } from "./machine.ts";

test("the server survives kill -9 of itself: the next command starts it with all its data", async () => {
  await using machine = withoutServer(await openCli(null));
  await machine.write("id.ts", "export const id = (x: unknown) => x;");
  await machine.write("args.json", "[[1]]");
  await machine.run("post", "id.ts#id", "args.json");
  const { err } = await machine.run("up");
  const pid = Number(/pid (\d+)/.exec(err)?.[1]);
  process.kill(pid, "SIGKILL");
  const status = await machine.run("status", "--json");
  expect(status.code).toBe(0);
  expect(JSON.parse(status.out).postings).toMatchObject([{ id: 1, jobs: { waiting: 1 } }]);
}, 120_000);

test("demo runs real jobs on real files and leaves nothing behind", async () => {
  using cli = await openCli(null);
  for (let i = 0; i < 30; i++) await cli.write(`files/${i % 3}/file-${i}.txt`, "abc".repeat(i % 7));
  const tmp = mkdtempSync(join(tmpdir(), "pdoflow-demo-test-"));
  chmodSync(tmp, 0o755); // root's PostgreSQL runs as another account
  const { code, out, err } = await cli.runWith({ env: { TMPDIR: tmp } }, "demo", "files");
  expect(code).toBe(0);
  expect(err).toContain("posted 30 jobs of inspect-files.ts#inspectFile");
  expect(out).toMatch(/30 jobs in .* jobs\/s/);
  expect(readdirSync(tmp)).toEqual([]);
  rmSync(tmp, { recursive: true });
}, 120_000);
