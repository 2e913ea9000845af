// The tests that pass malformed input to parsers, with a hundred times as much of it.
import { expect, test } from "bun:test";
import { join } from "node:path";

test("parsers accept or refuse a hundred times as much malformed input", async () => {
  const files = ["test/fuzz/parsers.test.ts", "test/pool/wire/hostile-messages.test.ts"];
  const child = Bun.spawn([process.execPath, "test", "--timeout", "1500000", ...files], {
    cwd: join(import.meta.dir, "../.."),
    env: { PATH: process.env["PATH"] ?? "", PDOFLOW_TEST_FUZZ: "100" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [printed, code] = await Promise.all([child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(printed);
  expect(printed).toMatch(/^ *\d+ pass$/m);
}, 1_800_000);
