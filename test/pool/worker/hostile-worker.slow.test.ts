import { test } from "bun:test";

import { expectHarmless } from "./hostile-job.ts";

/** Bodies of a job that attacks its pool; after that its worker stays until it is killed. */
const attacks: Record<string, string> = {
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
