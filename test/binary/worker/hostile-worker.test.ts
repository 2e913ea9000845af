import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

/** Bodies of a job that attacks its pool; after that its worker stays until it is killed. */
const attacks: Record<string, string> = {
  "sends what is no message": `
    const seeds = [null, 7, "x", [], {}, { kind: "ended" }, { kind: 7 }, new Map([[1, 2]]), 5n];
    for (const seed of seeds) process.send(seed);`,
  "claims the end of jobs that others have": `
    for (let chunk = 0; chunk < 40; chunk++) for (let at = 0; at < 40; at++) claim(chunk, [at, 1, 1, 0]);`,
  "claims its own end, and goes on": `
    for (const at of [0, 1]) for (let chunk = 0; chunk < 9; chunk++) claim(chunk, [at, 1, 1, 0]);`,
  "tells times without end": `
    claim(0, [1, 1, Infinity, 0]); claim(0, [1, 1, 1, 1e300]);`,
  "says that it is done with what is no JSON": `
    for (let chunk = 0; chunk < 9; chunk++) claim(chunk, [1, 1, 1, 0], "}\\0{\\ud800");`,
  "tells its progress 20,000 times": `
    for (let i = 0; i < 20_000; i++) {
      process.send({ kind: "progress", chunk: 0, position: 0, share: Math.random(), note: "n" + i });
    }
    process.send({ kind: "ready" });
    setTimeout(() => process.exit(9), 300);`,
  "sends 64 MB": `
    process.send({ kind: "broken", error: "b".repeat(64 << 20) });
    setTimeout(() => process.exit(9), 300);`,
  "writes into all files that it has open, and empties them": `
    for (let fd = 0; fd < 64; fd++) {
      try { if (!fs.fstatSync(fd).isFile()) continue; } catch { continue; }
      try { fs.writeSync(fd, require("node:crypto").randomBytes(4096), 0, 4096, 0); } catch {}
      try { fs.ftruncateSync(fd, 0); } catch {}
    }
    setTimeout(() => process.exit(9), 300);`,
  "writes into the page that it shares with its pool that nothing runs, and dies": `
    const memory = fs.openSync("/proc/self/mem", "r+");
    const pages = fs.readFileSync("/proc/self/maps", "latin1").split("\\n")
      .filter((line) => /^\\w+-\\w+ rw-s .*(deleted|pdoflow)/.test(line))
      .map((line) => Number.parseInt(line, 16));
    for (const at of pages) fs.writeSync(memory, new Int32Array([-1]), 0, 4, at + 12);
    process.exit(pages.length === 0 ? 0 : 9);`,
  "writes raw bytes into its channel": `
    for (let fd = 3; fd < 64; fd++) {
      try { if (!fs.fstatSync(fd).isSocket()) continue; } catch { continue; }
      for (const lead of [0, 1, 2, 3, 255]) {
        const bytes = require("node:crypto").randomBytes(64);
        bytes[0] = lead;
        try { fs.writeSync(fd, bytes); } catch {}
      }
    }
    setTimeout(() => process.exit(9), 300);`,
};

const source = (body: string) => `
import fs from "node:fs";
const claim = (chunk, numbers, text = '"stolen"') => process.send(
  { kind: "ended", chunk, numbers: new Float64Array(numbers), told: [[0, text, null, null]] });
export async function attack(i) {
  if (i !== 1) return i;
  ${body}
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}`;

test.each(Object.entries(attacks))(
  "a job that %s changes nothing of other jobs, and the pool goes on",
  async (_name, body) => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
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
  },
  60_000,
);
