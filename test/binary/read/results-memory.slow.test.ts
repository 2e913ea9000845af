import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { peakBytes } from "../processes.ts";
import { openQueueCli } from "../queue-cli.ts";
import { bigPosting } from "./big-posting.ts";

test.each([
  ["results", ["results", "1"]],
  ["results --csv", ["results", "1", "--csv", "--args"]],
])(
  "%s: a reader that is slow does not make results pile up in memory",
  async (_name, args) => {
    await using db = await freshDatabase();
    using cli = await openQueueCli(db);
    await bigPosting(db, 150_000);
    const child = cli.start(...args);
    let lines = 0;
    let most = 0;
    for await (const bytes of child.stdout) {
      lines += bytes.filter((byte) => byte === 10).length;
      most = Math.max(most, peakBytes(child.pid));
      await new Promise(setImmediate);
    }
    expect(await child.exited).toBe(0);
    expect(lines).toBe(150_000 + Number(args.includes("--csv")));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(250 * 2 ** 20);
  },
  60_000,
);
