// The tests of random input, with many times as much of it.
import { expect, test } from "bun:test";
import { join } from "node:path";

test.each([
  [
    "parsers accept or refuse a hundred times as much malformed input",
    100,
    ["test/fuzz/parsers.test.ts", "test/pool/wire/hostile-messages.test.ts"],
  ],
  [
    "the queue, sweeps, waiting postings and odd values do as expected in ten times as many cases",
    10,
    [
      "test/db/roles/injection.test.ts",
      "test/db/posting/sweeps.test.ts",
      "test/library/post/product.test.ts",
      "test/db/model/edges.test.ts",
      "test/db/model/model.test.ts",
    ],
  ],
])(
  "%s",
  async (_what, times, files) => {
    const child = Bun.spawn([process.execPath, "test", "--timeout", "1500000", ...files], {
      cwd: join(import.meta.dir, "../.."),
      env: { PATH: process.env["PATH"] ?? "", PDOFLOW_TEST_FUZZ: String(times) },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [printed, code] = await Promise.all([child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(printed);
    expect(printed).toMatch(/^ *\d+ pass$/m);
  },
  1_800_000,
);
