import { expect } from "bun:test";

import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";

const source = (body: string) => `
import fs from "node:fs";
const claim = (chunk, first, durations, agos, results = '"stolen"', stdouts = null) => process.send({
  kind: "ended", chunk, first, durationsMs: new Float64Array(durations),
  agosMs: new Float64Array(agos), results, stdouts, stderrs: null, singles: [],
  usage: null });
export async function attack(i) {
  if (i !== 1) return i;
  ${body}
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}`;

/** Runs a job of this body beside others, and checks that these have ended as they should. */
export async function expectHarmless(body: string): Promise<void> {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("attack.ts", source(body));
  // So long that none is handed to a worker that still has another's job.
  await cli.write("honest.ts", `export const twice = (i) => Bun.sleep(60).then(() => 2 * i);`);
  const bad = ["--no-check", "--max-attempts", "1", "--timeout", "3s", "--grace", "100ms"];
  const honest = JSON.stringify(Array.from({ length: 30 }, (_, i) => [i]));
  expect(
    await cli.runWith({ input: "[[0],[1],[2],[3]]" }, "post", "attack.ts#attack", "-", ...bad),
  ).toMatchObject({ code: 0, err: "" });
  await cli.runWith({ input: honest }, "post", "honest.ts#twice", "-", "--max-attempts", "1");

  const pool = await cli.run("pool", "--once", "--max-workers", "2");

  expect(pool.err).toMatch(/pool: ended: 33 done, 1 failed/);
  expect(pool.err).not.toMatch(/bug|panic|at .*\.ts:\d/);
  const outcomes = await db.sql<{ entry: string; seq: number; state: string; result: unknown }[]>`
    select p.entry_point as entry, o.seq, o.state, o.result
    from pdoflow.outcome o join pdoflow.posting p on p.id = o.posting_id order by o.seq`;
  const others = outcomes.filter(({ entry }) => entry === "honest.ts#twice");
  expect(others.map(({ seq, state, result }) => [seq, state, result])).toEqual(
    Array.from({ length: 30 }, (_, i) => [i, "done", 2 * i]),
  );
  const own = outcomes.filter(({ entry }) => entry === "attack.ts#attack");
  expect(own.map(({ seq, state, result }) => [seq, state, result])).toEqual([
    [0, "done", 0],
    [1, "failed", null],
    [2, "done", 2],
    [3, "done", 3],
  ]);
}
