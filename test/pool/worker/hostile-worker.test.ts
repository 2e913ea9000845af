import { expect, test } from "bun:test";

import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";
import { expectHarmless } from "./hostile-job.ts";

/** Bodies of a job that attacks its pool; after that its worker stays until it is killed. */
const attacks: Record<string, string> = {
  "sends what is no message": `
    const seeds = [null, 7, "x", [], {}, { kind: "ended" }, { kind: 7 }, new Map([[1, 2]]), 5n];
    for (const seed of seeds) process.send(seed);`,
  "claims the end of jobs that others have": `
    for (let chunk = 0; chunk < 40; chunk++) for (let at = 0; at < 40; at++) claim(chunk, at, [1], [0]);`,
  "claims the ends of many jobs at once, some of them twice": `
    for (let chunk = 0; chunk < 40; chunk++) {
      for (const count of [1, 1, 40]) {
        claim(chunk, 0, Array(count).fill(1), Array(count).fill(0), "1\\n".repeat(count - 1) + "1");
      }
    }`,
  "posts in the name of jobs that others have, and does not wait for answers": `
    const call = { kind: "post", entryPoint: "honest.ts#twice", options: "{}", jobs: "[1]" };
    for (let chunk = 0; chunk < 40; chunk++) {
      for (let position = 0; position < 40; position++) {
        for (let number = 0; number < 3; number++) {
          process.send({ ...call, chunk, position, number, isLast: number > 0 });
        }
      }
    }`,
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
