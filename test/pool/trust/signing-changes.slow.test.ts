// Changes to a signed posting by someone with the rights of the queue's owner.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { said, until } from "../../binary/cli.ts";
import {
  expectAllRefused,
  expectRefused,
  openSigning,
  postingOf,
  type Refused,
  type Signing,
} from "./signing.ts";

interface Change {
  sql: string;
  why: string;
}

/** Statements that change a posting $1 by hand, and why a pool refuses it then. */
const changes: readonly Change[] = [
  {
    // its entry point
    sql: "update pdoflow.posting set entry_point = 'fn.ts#other' where id = $1",
    why: "it was changed after it was signed (entryPoint: signed fn.ts#fn, found fn.ts#other)",
  },
  {
    // its tries
    sql: "update pdoflow.posting set max_attempts = 9 where id = $1",
    why: "(maxAttempts: signed 3, found 9)",
  },
  {
    // its timeout
    sql: "update pdoflow.posting set timeout_ms = null where id = $1",
    why: "(timeoutMs: signed 60000, found null)",
  },
  {
    // its limit
    sql: "update pdoflow.posting set max_running = 50 where id = $1",
    why: "(maxRunning: signed 5, found 50)",
  },
  {
    // its rate
    sql: "update pdoflow.posting set rate_ms = 1000 where id = $1",
    why: "(maxRate: signed 100/m, found 100 in 1000 ms)",
  },
  {
    // its number of jobs
    sql: "update pdoflow.posting set job_count = 2 where id = $1",
    why: "(jobCount: signed 3, found 2)",
  },
  {
    // the arguments of a job
    sql: "update pdoflow.job set args = replace(args, '[2]', '[666]') where posting_id = $1",
    why: "arguments of it were changed",
  },
  {
    // two jobs, exchanged
    sql: "update pdoflow.job set args = e'[1]\\n[0]\\n[2]' where posting_id = $1",
    why: "arguments of it were changed",
  },
  {
    // the place of a job
    sql:
      "update pdoflow.job set indexes = '{2,1,0}' where posting_id = $1; " +
      "insert into pdoflow.job_order values ($1, 0, '{2,1,0}'); " +
      "update pdoflow.posting set is_sorted = true where id = $1; " +
      "update pdoflow.lane set end_seq = 2 where posting_id = $1; " +
      "insert into pdoflow.lane select posting_id, -1, 2, 3, route_id from pdoflow.lane " +
      "where posting_id = $1",
    why: "arguments of it were changed",
  },
  {
    // the digests of its arguments
    sql:
      "update pdoflow.signature set blocks = '3 ' || repeat('0', 64) " +
      "|| e'\\n' where posting_id = $1",
    why: "the digests of its arguments were changed",
  },
  {
    // what was signed
    sql:
      "update pdoflow.signature set statement = replace(statement, '\"maxAttempts\":3', " +
      "'\"maxAttempts\":4') where posting_id = $1",
    why: "its signature does not match its statement",
  },
  {
    // its signature
    sql: "update pdoflow.signature set signature = 'AAAA' where posting_id = $1",
    why: "its signature does not match its statement",
  },
  {
    // its signature, taken away
    sql: "delete from pdoflow.signature where posting_id = $1",
    why: "it is not signed",
  },
];

const sweepChanges: readonly Change[] = [
  {
    // its sweep
    sql: `update pdoflow.job set sweep = '{"axes":[{"first":2,"last":3001}]}' where posting_id = $1`,
    why: "arguments of it were changed",
  },
  {
    // its sweep, and what was signed
    sql: `update pdoflow.job set sweep = '{"axes":[{"first":2,"last":3001}]}' where posting_id = $1;
     update pdoflow.signature set blocks = '{"axes":[{"first":2,"last":3001}]}'
     where posting_id = $1`,
    why: "the digests of its arguments were changed",
  },
  {
    // its sweep, into a list
    sql: `insert into pdoflow.job (posting_id, first_seq, end_seq, args) select $1, 3000, 3001, '[666]';
     update pdoflow.job set first_seq = 1000 where posting_id = $1 and first_seq = 0;
     insert into pdoflow.job (posting_id, first_seq, end_seq, args)
     select $1, 0, 1000, string_agg('[666]', e'\\n') from generate_series(1, 1000)`,
    why: "arguments of it were changed",
  },
];

/** As `post` of the fixture, with one argument for each number of a range. */
async function postSweep(cli: Signing): Promise<number> {
  const options = ["--no-check", "--sign", "ann.key", "--each", "1-3000"];
  return Number((await cli.run("post", "fn.ts#fn", ...options)).out);
}

test("refused: postings that were changed in the database, each in another way", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const refused: Refused[] = [];
  for (const { sql, why } of changes) {
    const id = await cli.post(3, "--timeout", "60s", "--max-running", "5", "--max-rate", "100/m");
    await db.sql.unsafe(sql.replaceAll("$1", String(id)));
    refused.push({ id, why });
  }
  for (const { sql, why } of sweepChanges) {
    const id = await postSweep(cli);
    await db.sql.unsafe(sql.replaceAll("$1", String(id)));
    refused.push({ id, why });
  }
  await expectAllRefused(db, cli, refused);
}, 120_000);

test("a signed sweep is one row and runs", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const id = await postSweep(cli);
  const rows = await db.sql`select sweep->'axes' as axes from pdoflow.job`;
  expect([...rows]).toEqual([{ axes: [{ first: 1, last: 3_000 }] }]);
  await cli.drain();
  expect(await postingOf(db, id)).toMatchObject({ state: "finished", done: 3_000 });
});

test("a limit that was made stricter is no reason to refuse", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const id = await cli.post(3, "--max-running", "5");
  await cli.run("set-limit", String(id), "--max-running", "1");
  await cli.drain();
  expect(await postingOf(db, id)).toMatchObject({ state: "finished", done: 3 });
});

test("refused: a signature that is used again under another number", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const first = await cli.post(3);
  const { out } = await cli.runWith({ input: "[[0],[1],[2]]" }, "post", "fn.ts#fn", "-");
  await db.sql`
    insert into pdoflow.signature
    select ${Number(out)}, statement, key_id, signature, blocks from pdoflow.signature
    where posting_id = ${first}`;
  await expectRefused(db, cli, Number(out), `its signature is that of posting ${first}`);
});

test("refused: a posting that was changed to read results, which are not signed", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const other = await cli.post(3);
  await cli.drain();
  const id = await cli.post(1);
  await db.sql`update pdoflow.posting set gather = ${other} where id = ${id}`;
  await expectRefused(
    db,
    cli,
    id,
    `it reads the results of posting ${other}, which are not signed`,
  );
});

test("refused: one changed job of a large posting, if a pool claims a part of a block", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.write("fn.ts", "export const fn = async (i: number) => await Bun.sleep(20);");
  const id = await cli.post(1_500, "--stop-after", "0");
  await db.sql`update pdoflow.job set args = replace(args, '[900]', '[1 ]') where posting_id = ${id}`;
  await expectRefused(db, cli, id, "arguments of it were changed");
});

test("max attempts of a signed posting can't be changed by hand, but when it stops can", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.write("fn.ts", "export const fn = () => { throw new Error('no'); };");
  const id = String(await cli.post(3, "--stop-after", "1", "--max-attempts", "1"));
  await cli.drain();
  for (const change of [
    ["resume", id, "--max-attempts", "9"],
    ["set-limit", id, "--timeout", "1h"],
    ["retry", id, "--failed", "--backoff", "1h"],
  ]) {
    expect(await cli.run(...change)).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        `posting ${id} is signed with its max attempts, backoff and timeout: to change them, post it again`,
      ),
    });
  }
  expect((await postingOf(db, Number(id))).state).toBe("errored_out");
  await cli.run("resume", id, "--stop-after", "0");
  expect(await cli.drain()).not.toContain("refused");
  expect((await postingOf(db, Number(id))).state).toBe("finished");
});

test("refused: the needs of a posting, changed in the database", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const id = await cli.post(3, "--needs", "gpu");
  await db.sql`update pdoflow.route set needs = '[]'`;
  await expectRefused(db, cli, id, 'needs: signed [["gpu","has"]]');
});

test("refused: arguments that are changed after a pool has verified their block", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.write(
    "fn.ts",
    `import { existsSync } from "node:fs";
     export const fn = async () => { while (!existsSync("go")) await Bun.sleep(5); };`,
  );
  const id = await cli.post(50, "--stop-after", "0");
  const pool = cli.start("pool", "--once", "--max-workers", "1", "--trust", "keys.d");
  await said(pool, "1 worker, root");
  await until("a lease", async () => (await db.sql`select from pdoflow.lease`).length > 0);
  await db.sql`update pdoflow.job set args = replace(args, '[49]', '[666]') where posting_id = ${id}`;
  await cli.write("go", "");
  expect(await pool.exited).toBe(1);
  const { state, reason } = await postingOf(db, id);
  expect(state).toBe("open");
  // A slow pool finds it with its first check.
  expect(reason).toContain(`arguments of it were changed after it was signed (at job ${id}/`);
});

test("refused: the only job of a posting, changed, if a pool claims the whole block", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  const id = await cli.post(1);
  await db.sql`update pdoflow.job set args = '[666]' where posting_id = ${id}`;
  await expectRefused(db, cli, id, "arguments of it were changed");
});
