import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { TestDatabase } from "../../database.ts";
import type { Cli } from "../cli.ts";

export const code = `export const fn = (i: number) => i;`;

export async function post(cli: Cli, jobs: number): Promise<void> {
  await cli.write("fn.ts", code);
  const input = JSON.stringify(Array.from({ length: jobs }, (_, i) => [i]));
  expect(await cli.runWith({ input }, "post", "fn.ts#fn", "-")).toMatchObject({ code: 0 });
}

export const done = async ({ sql }: TestDatabase) =>
  (await sql`select count(*)::int as n from pdoflow.outcome where state = 'done'`)[0]?.["n"];

/** A file system of its own, which can be full; null if this user may not mount one. */
export function mounted(cli: Cli, how: string): (Disposable & { path: string }) | null {
  const path = join(cli.folder, "mounted");
  mkdirSync(path);
  const options = ["-t", "tmpfs", "-o", how, "tmpfs", path];
  if (Bun.spawnSync(["mount", ...options]).exitCode !== 0) return null;
  return { path, [Symbol.dispose]: () => void Bun.spawnSync(["umount", "-l", path]) };
}
