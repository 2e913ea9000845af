import { createHash } from "node:crypto";
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";
import { peakBytes } from "../processes.ts";

test("100 MB of output pass through a run in constant memory", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const child = cli.start("run", "--each", "1", "--", "yes 0123456789abcde | head -c 100000000; :");
  const hash = createHash("sha256");
  let [size, most] = [0, 0];
  for await (const bytes of child.stdout) {
    size += bytes.length;
    hash.update(bytes);
    most = Math.max(most, peakBytes(child.pid));
  }
  expect(await child.exited).toBe(0);
  expect(size).toBe(100_000_000);
  const line = Buffer.from("0123456789abcde\n");
  const expected = createHash("sha256").update(Buffer.alloc(100_000_000, line));
  expect(hash.digest("hex")).toBe(expected.digest("hex"));
  expect(most).toBeLessThan(250 * 2 ** 20);
}, 60_000);
