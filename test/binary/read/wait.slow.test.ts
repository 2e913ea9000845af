import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { openQueueCli } from "../queue-cli.ts";
import { inTerminal } from "../top/terminal.ts";

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("on %s wait ends with %p, and the posting goes on", async (signal, code) => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1]);
  const child = cli.start("wait", "1");
  await until("it waits", async () => {
    const rows = await db.sql`
      select from pg_stat_activity where datname = current_database() and query ~* '^listen'`;
    return rows.length > 0;
  });
  child.kill(signal);
  expect(await child.exited).toBe(code);
  // On a busy machine it has said before that no pool runs.
  expect(await child.stderr.text()).toEndWith("pdoflow wait: these postings continue: 1\n");
  expect((await db.sql`select from pdoflow.posting where state = 'open'`).length).toBe(1);
});

test("a terminal sees how far it is, once it has taken two seconds", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 2, 3, 4], "fn.ts#quick");
  await db.sql`insert into pdoflow.progress (posting_id, done) values (1, 1)`;
  const screen = await inTerminal({ env: cli.env, cwd: cli.folder }, "wait", "1");
  await screen.shown("[##--------] 25.0 % of 4 jobs");
  await db.sql`insert into pdoflow.progress (posting_id, done) values (1, 1)`;
  await screen.shown("50.0 % of 4 jobs, ");
  await screen.shown(" left");
  await db.sql`delete from pdoflow.progress`;
  await cli.drain();
  expect(await screen.exited).toBe(0);
  expect(screen.screen()).toContain("posting 1 is finished: 4 done");
});
