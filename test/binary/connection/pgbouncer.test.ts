import { expect, test } from "bun:test";

import { openDatabase } from "../../../src/db/connection/open.ts";
import { configuredTarget } from "../../../src/db/settings/target.ts";
import { close, postWork } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { openBouncer, pgbouncer } from "../../pgbouncer.ts";
import { openCli, until } from "../cli.ts";

/** Says in the test's name why it does not run. */
const why = pgbouncer === null ? " (skipped: this machine has no pgbouncer)" : "";
const testBouncer = test.skipIf(pgbouncer === null);

testBouncer(
  `PgBouncer in transaction mode is noticed, and a bare server is not taken for one${why}`,
  async () => {
    await using db = await freshDatabase();
    await using bouncer = await openBouncer(db, 2);
    for (const [url, isPooled] of [
      [bouncer.url, true],
      [db.url, false],
    ] as const) {
      const target = configuredTarget(url, {});
      if (!target) throw new Error("expected a target");
      await using opened = await openDatabase(target, { connections: 1 });
      expect(opened.isPooled).toBe(isPooled);
    }
  },
);

testBouncer(
  `through PgBouncer in transaction mode all works, and nothing is said about it${why}`,
  async () => {
    await using db = await freshDatabase();
    await db.sql`drop schema pdoflow cascade`;
    // Two pools have three connections each, and commands and the library theirs.
    await using bouncer = await openBouncer(db, 3);
    using cli = await openCli(bouncer);
    await cli.write(
      "nap.ts",
      "export async function nap(i: number) { await Bun.sleep(i < 0 ? 60_000 : 1); return i; }",
    );
    expect(await cli.run("migrate")).toMatchObject({ code: 0 });
    const pools = [1, 2].map(() => cli.start("pool", "--max-workers", "2"));
    const said = pools.map((pool) => pool.stderr.text());
    const input = Array.from({ length: 3_000 }, (_, i) => `[${i}]\n`).join("");
    const posted = await cli.runWith({ input }, "post", "nap.ts#nap", "-");
    expect(posted).toEqual({ code: 0, out: "1\n", err: expect.any(String) });

    // The library, at the same time: single jobs, each on its own.
    const singles = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        postWork("nap.ts#nap", [[i]], [], { db: bouncer.url, root: cli.folder }),
      ),
    );
    for (const [i, posting] of singles.entries()) {
      expect(await posting.wait({ timeoutMs: 30_000 })).toMatchObject({ done: 1 });
      const results = await Array.fromAsync(posting.results());
      expect(results).toEqual([{ index: 0, status: "done", result: i, error: null }]);
    }
    await until("the file's jobs to end", async () =>
      (await cli.run("status", "1")).out.includes("finished"),
    );

    // Long-running jobs are stopped, and draining pools end.
    const long = await postWork("nap.ts#nap", [[-1]], [], { db: bouncer.url, root: cli.folder });
    await until("the long job to run", async () => (await long.status()).running === 1);
    expect(await cli.run("cancel", String(long.id))).toMatchObject({ code: 0 });
    expect(await long.wait({ timeoutMs: 10_000 })).toMatchObject({ cancelled: 1 });
    const [row] = await db.sql`
      select count(*)::int as outcomes, max(attempt) as attempts,
             (select count(*)::int from pdoflow.lease where active) as held from pdoflow.outcome`;
    expect(row).toEqual({ outcomes: 3_011, attempts: 1, held: 0 });
    await close();

    pools[1]?.kill("SIGTERM");
    await pools[1]?.exited;
    const [left] = await db.sql`select id from pdoflow.pool where state = 'up'`;
    expect(await cli.run("drain", String(left?.["id"]))).toMatchObject({ code: 0 });
    expect(await Promise.all(pools.map((pool) => pool.exited))).toEqual([0, 0]);
    const unexpected = (await Promise.all(said))
      .flatMap((text) => text.trim().split("\n"))
      .filter(
        (line) => !/^pool: (2 workers|SIGTERM|it was asked to drain|ended|job \d+\/0)/.test(line),
      );
    expect(unexpected).toEqual([]);
  },
  120_000,
);

testBouncer(
  `settings that PgBouncer does not pass on are refused, with the statement that sets them${why}`,
  async () => {
    await using db = await freshDatabase();
    const name = db.sql(db.name);
    await db.sql`alter database ${name} set DateStyle = 'SQL, DMY'`; // this one can
    await using bouncer = await openBouncer(db, 1);
    using cli = await openCli(bouncer);
    expect(await cli.run("post", "a.ts#f", "--each", "1", "--no-check")).toMatchObject({ code: 0 });
    expect(await cli.run("pools")).toMatchObject({ code: 0 });
    await db.sql`alter database ${name} set default_transaction_isolation = serializable`;
    await db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'`;
    for (const line of ["status", "pool --once", "migrate"]) {
      const { code, err } = await cli.run(...line.split(" "));
      expect([line, code]).toEqual([line, 3]);
      expect(err).toContain(
        "expected default_transaction_isolation to be read committed, found serializable, which " +
          "can't be changed through a pooler such as PgBouncer. Run: alter role pdoflow set " +
          "default_transaction_isolation = 'read committed';",
      );
    }
  },
  60_000,
);
