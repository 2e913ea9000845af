import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { peakBytes } from "../processes.ts";
import { openQueueCli } from "../queue-cli.ts";

/** A posting whose jobs are all done, with results of 100 characters. */
async function bigPosting({ sql }: TestDatabase, count: number): Promise<void> {
  await sql`insert into pdoflow.route (poster, poster_os) values ('a', 'a')`;
  await sql`
    insert into pdoflow.posting (id, entry_point, job_count, route_id, state, ended_at, done)
    values (1, 'a.ts#b', ${count}, 1, 'finished', now(), ${count})`;
  await sql`
    insert into pdoflow.job (posting_id, seq, args)
    select 1, n, '[]' from generate_series(0, ${count - 1}::integer) as n`;
  await sql`
    insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                                 duration_ms, state, result)
    select 1, 1, now(), n, 1, 1, 1, 'done', to_json(repeat('x', 100))
    from generate_series(0, ${count - 1}::integer) as n`;
}

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
