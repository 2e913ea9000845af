import { test, expect } from "bun:test";

import { expectHarmless } from "./hostile-job.ts";
import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";

/** Bodies of a job that attacks its pool; after that its worker stays until it is killed. */
const attacks: Record<string, string> = {
  "sends what is no message": `
    const seeds = [null, 7, "x", [], {}, { kind: "ended" }, { kind: 7 }, new Map([[1, 2]]), 5n];
    for (const seed of seeds) process.send(seed);`,
  "claims the end of jobs that others have": `
    for (let chunk = 0; chunk < 40; chunk++) for (let at = 0; at < 40; at++) claim(chunk, at, [1], [0]);`,
  "posts in the name of jobs that others have, and does not wait for answers": `
    const call = { kind: "post", entryPoint: "honest.ts#twice", options: "{}", jobs: "[1]" };
    for (let chunk = 0; chunk < 40; chunk++) {
      for (let position = 0; position < 40; position++) {
        for (let number = 0; number < 3; number++) {
          process.send({ ...call, chunk, position, number, isLast: number > 0 });
        }
      }
    }`,
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
  "claims its own end, and goes on": `
    for (const at of [0, 1]) for (let chunk = 0; chunk < 9; chunk++) claim(chunk, at, [1], [0]);`,
  "tells times without end": `
    claim(0, 1, [Infinity], [0]); claim(0, 1, [1], [1e300]);`,
  "says that it is done with what is no JSON": `
    for (let chunk = 0; chunk < 9; chunk++) claim(chunk, 1, [1], [0], "}\\0{\\ud800");`,
  "says that a job has printed what is no JSON": `
    for (let chunk = 0; chunk < 9; chunk++) claim(chunk, 0, [1], [0], null, "}\\0{\\ud800");`,
  "sends lines for more jobs than have ended, and the separator of blocks": `
    for (const text of ["1\\n2", "1\\u001e2"]) claim(0, 0, [1], [0], text, text);`,
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
};

test.each(Object.entries(attacks))(
  "a job that %s changes nothing of other jobs, and the pool goes on",
  async (_name, body) => await expectHarmless(body),
  60_000,
);

test("a job that claims once more that jobs before it in its chunk have ended is no longer heard", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "again.ts",
    `import fs from "node:fs";
    const memory = () => fs.openSync("/proc/self/mem", "r");
    const pages = () => fs.readFileSync("/proc/self/maps", "latin1").split("\\n")
      .filter((line) => /^\\w+-\\w+ rw-s .*(deleted|pdoflow)/.test(line))
      .map((line) => Number.parseInt(line, 16));
    export async function again(i) {
      if (i < 1500 || fs.existsSync("attacked")) return;
      const words = new Int32Array(4);
      fs.readSync(memory(), words, 0, 16, pages()[0]);
      const [chunk, position] = words.subarray(2);
      if (position < 2) return;
      fs.writeFileSync("attacked", String(i));
      await Bun.sleep(100); // the ends before it have been sent
      for (const first of [0, position - 1]) {
        process.send({
          kind: "ended", chunk, first, durationsMs: Float64Array.of(1), agosMs: Float64Array.of(0),
          results: null, stdouts: null, stderrs: null, singles: [],
          usage: null,
        });
      }
      await Bun.sleep(5_000);
    }`,
  );
  const jobs = Array.from({ length: 3_000 }, (_, i) => `[${i}]`).join("\n");
  await cli.runWith({ input: jobs }, "post", "again.ts#again", "-", "--max-attempts", "1");

  const pool = await cli.run("pool", "--once", "--max-workers", "1");

  const attacker = Number(await Bun.file(`${cli.folder}/attacked`).text());
  expect(pool.err).toMatch(/pool: ended: 2999 done, 1 failed/);
  const rows = await db.sql<{ seq: number; state: string }[]>`
    select seq, state from pdoflow.outcome`;
  expect(rows.filter(({ state }) => state === "failed").map(({ seq }) => seq)).toEqual([attacker]);
  expect([rows.length, new Set(rows.map(({ seq }) => seq)).size]).toEqual([3_000, 3_000]);
});
