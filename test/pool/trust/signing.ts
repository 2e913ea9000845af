import { expect } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import type { TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

export interface Signing extends Commands {
  keyId: string;
  /** Posts a job for each number, signed, and returns the posting's number. */
  post(count: number, ...options: string[]): Promise<number>;
  /** Runs everything that a pool with --trust may run; returns its messages. */
  drain(): Promise<string>;
  path(name: string): string;
}

/** A key ann.key, which keys.d trusts, and the functions `fn.ts#fn` and `#other`. */
export async function openSigning(db: TestDatabase): Promise<Signing> {
  const cli = await openCommands(db);
  const path = (name: string) => join(cli.folder, name);
  await cli.write("lib/half.ts", "export const half = (i: number) => i / 2;");
  await cli.write(
    "fn.ts",
    `import { half } from "./lib/half.ts";
     export const fn = (i: number) => half(i);
     export const other = () => "stolen";`,
  );
  mkdirSync(path("keys.d"), { mode: 0o755 });
  const { out } = await cli.run("keys", "new", "ann.key");
  copyFileSync(path("ann.key.pub"), path("keys.d/ann.pub"));
  return {
    ...cli,
    path,
    keyId: out.trim(),
    async post(count, ...options) {
      const input = JSON.stringify(Array.from({ length: count }, (_, i) => [i]));
      const all = ["post", "fn.ts#fn", "-", "--no-check", "--sign", "ann.key", ...options];
      const run = await cli.runWith({ input }, ...all);
      if (run.code !== 0) throw new Error(run.err);
      return Number(run.out);
    },
    async drain() {
      const run = await cli.run("pool", "--once", "--max-workers", "2", "--trust", "keys.d");
      if (run.code > 1) throw new Error(run.err);
      return run.err;
    },
  };
}

export async function postingOf({ sql }: TestDatabase, id: number) {
  const [row] = await sql`
    select state, pdoflow.refusal_of(id) as reason, done from pdoflow.posting where id = ${id}`;
  return { state: row?.["state"], reason: String(row?.["reason"]), done: row?.["done"] };
}

/** A posting, and why a pool must refuse it. */
export interface Refused {
  id: number;
  why: string;
}

/** A posting was refused for `why`: it says so, no job of it ran, and others are not held up. */
export async function expectRefused(db: TestDatabase, cli: Signing, id: number, why: string) {
  await expectAllRefused(db, cli, [{ id, why }]);
  expect((await cli.run("explain", `${id}/0`)).out).toContain(why);
}

/** The same for several postings and one pool. */
export async function expectAllRefused(
  db: TestDatabase,
  cli: Signing,
  refused: readonly Refused[],
): Promise<void> {
  const good = await cli.post(3);
  const said = (await cli.drain()).split("\n");
  for (const { id, why } of refused) {
    const lines = said.filter((line) => line.includes(`posting ${id} was refused: `)).join("\n");
    expect(lines).toContain(why);
    const { state, reason, done } = await postingOf(db, id);
    expect({ id, state, done }).toEqual({ id, state: "open", done: 0 });
    expect(reason).toMatch(/^refused by the pool on \S+: /);
    expect(reason).toContain(why);
    const [row] = await db.sql`
      select count(*)::integer as outcomes from pdoflow.outcome where posting_id = ${id}`;
    expect(row?.["outcomes"]).toBe(0);
  }
  expect(await postingOf(db, good)).toMatchObject({ state: "finished", done: 3 });
}
