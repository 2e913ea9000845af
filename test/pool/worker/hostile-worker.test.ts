import { test } from "bun:test";

import { expectHarmless } from "./hostile-job.ts";

/** Bodies of a job that attacks its pool; after that its worker stays until it is killed. */
const attacks: Record<string, string> = {
  "claims the ends of many jobs at once, some of them twice": `
    for (let chunk = 0; chunk < 40; chunk++) {
      for (const count of [1, 1, 40]) {
        claim(chunk, 0, Array(count).fill(1), Array(count).fill(0), "1\\n".repeat(count - 1) + "1");
      }
    }`,
  "writes into the page that it shares with its pool that nothing runs, and dies": `
    const memory = fs.openSync("/proc/self/mem", "r+");
    const pages = fs.readFileSync("/proc/self/maps", "latin1").split("\\n")
      .filter((line) => /^\\w+-\\w+ rw-s .*(deleted|pdoflow)/.test(line))
      .map((line) => Number.parseInt(line, 16));
    for (const at of pages) fs.writeSync(memory, new Int32Array([-1]), 0, 4, at + 12);
    process.exit(pages.length === 0 ? 0 : 9);`,
};

test.each(Object.entries(attacks))(
  "a job that %s changes nothing of other jobs, and the pool goes on",
  async (_name, body) => await expectHarmless(body),
  60_000,
);
