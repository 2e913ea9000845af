// Rows that someone has changed by hand: a pool survives them, and reports the fault.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test.each([
  ["all jobs", "delete from pdoflow.job where posting_id = 1", /2 done/],
  [
    "a job in the middle",
    "update pdoflow.job set args = replace(args, e'[2]\\n', '') where posting_id = 1",
    /[234] done/,
  ],
  [
    "the last job",
    "update pdoflow.job set args = replace(args, e'\\n[4]', '') where posting_id = 1",
    /[234] done/,
  ],
])(
  "where %s of a posting were deleted it is stopped, and others are run",
  async (_what, change, done) => {
    await using db = await freshDatabase();
    using cli = await openQueueCommands(db);
    await cli.post([1, 2, 4], "--priority", "5");
    await cli.post([1, 2], "fn.ts#quick");
    await db.sql.unsafe(change);
    const { code, err } = await cli.run("pool", "--once", "--max-workers", "1");
    expect(err).not.toMatch(/\n {4}at /);
    expect(err).toMatch(done); // what of it is claimed first is there
    expect(code).toBe(0);
    const postings = await db.sql`select id, state, reason from pdoflow.posting order by id`;
    expect([...postings]).toEqual([
      { id: 1, state: "errored_out", reason: "jobs of it are not in the database any more" },
      { id: 2, state: "finished", reason: null },
    ]);
    expect([...(await db.sql`select 1 from pdoflow.lease where active`)]).toEqual([]);
  },
);
