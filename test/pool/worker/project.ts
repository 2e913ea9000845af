import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Cli } from "../../binary/cli.ts";
import type { freshDatabase } from "../../database.ts";

/**
 * Posts one job from the project's folder, runs it by a pool started from another, reads it back.
 */
export async function runOne(
  cli: Pick<Cli, "folder" | "runWith" | "write">,
  db: Awaited<ReturnType<typeof freshDatabase>>,
  entryPoint: string,
  args: unknown,
): Promise<unknown> {
  const root = join(cli.folder, "project");
  const posted = await cli.runWith(
    { input: JSON.stringify([args]), cwd: root },
    ...["post", entryPoint, "-", "--max-attempts", "1"],
  );
  expect(posted).toMatchObject({ code: 0, err: "" });
  await cli.runWith({ cwd: "/" }, "pool", "--once", "--max-workers", "1", "--root", root);
  const [row] = await db.sql`
    select result, error from pdoflow.outcome where posting_id = ${posted.out.trim()}`;
  return row?.["error"] ?? row?.["result"];
}

export async function project(
  cli: Pick<Cli, "folder" | "runWith" | "write">,
  files: Record<string, string>,
): Promise<void> {
  mkdirSync(join(cli.folder, "project"));
  for (const [name, text] of Object.entries(files)) await cli.write(`project/${name}`, text);
}
