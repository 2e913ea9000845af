// A failover to a standby that lacks the newest transactions: their numbers are given again.
import { expect, test } from "bun:test";

import { close, type Posting, postWork } from "../../../src/index.ts";
import { brokenInvariants } from "../../db/invariants.ts";
import { openPair } from "../../server-pair.ts";
import { openCli, until } from "../cli.ts";

const lost = 60; // a sequence gives up to 32 numbers before it writes to the log again
const jobs = Array.from({ length: 300 }, (_, i) => [i]);

test("of a failover that loses transactions, handles say so, pools go on, and keys repair it", async () => {
  await using pair = await openPair();
  const { primary, standby } = pair;
  const db = pair.url(primary, standby);
  using cli = await openCli({ url: db });
  await cli.write(
    "nap.ts",
    "export async function nap(i: number) { await Bun.sleep(5); return i; }",
  );
  const options = { db, root: cli.folder };
  const post = (key: string, size = 3, where = options) =>
    postWork("nap.ts#nap", jobs.slice(0, size), [], { ...where, key });
  const kept = await post("kept", jobs.length);
  const pools = [cli.start("pool", "--heartbeat-timeout", "4s")];
  const ended = async (least: number) => (await kept.status()).done >= least;
  await until("some jobs", () => ended(20));
  await pair.lag();
  pools.push(cli.start("pool", "--heartbeat-timeout", "4s"));
  const never = { ...options, runAt: new Date(Date.now() + 1e9) };
  const waiting = cli.start("wait", String((await post("never", 3, never)).id));
  await cli.write(
    "night.toml",
    'name = "night"\n[stage.a]\nrun = "nap.ts#nap"\neach = "1"\nrun-at = "2099-01-01 00:00"\n',
  );
  const posted = await cli.run("flow", "post", "night.toml", "--no-check");
  expect(posted).toMatchObject({ code: 0 });
  const night = posted.out.trim();
  const waitingForFlow = cli.start("flow", "wait", night);
  const gone: Posting[] = [];
  for (let i = 0; i < lost; i++) gone.push(await post(`lost-${i}`));
  await until("both waits to listen", async () => {
    const { sql } = primary.db;
    return (await sql`select from pg_stat_activity where query ilike 'listen%ended%'`).length > 1;
  });
  await until("a lost posting to end", async () => (await gone[0]?.status())?.done === 3);
  expect((await primary.db.sql`select from pdoflow.pool where state = 'up'`).length).toBe(2);

  await primary.crash();
  await standby.db.sql`select pg_promote()`;
  const strangers: Posting[] = [];
  for (let i = 0; i < lost; i++) {
    strangers.push(await post(`new-${i}`, 2, { ...options, db: pair.url(standby) }));
  }
  const taken = new Set(strangers.map(({ id }) => id));
  expect(gone.filter(({ id }) => taken.has(id)).length).toBeGreaterThan(10);

  // A wait that never reached the database does not retry.
  await until("the library to reach the standby", () => kept.status().catch(() => false));
  const fates = await Promise.allSettled(gone.map((posting) => posting.wait()));
  for (const fate of fates) {
    expect(fate).toMatchObject({
      status: "rejected",
      reason: { name: "PostingLost", exitCode: 4 },
    });
  }
  const [first] = gone.filter(({ id }) => taken.has(id));
  const refused = await Promise.allSettled([first?.cancel(), first?.results().next()]);
  for (const one of refused) {
    expect(one).toMatchObject({
      reason: { message: expect.stringContaining("found another one") },
    });
  }
  expect({ code: await waiting.exited, err: await waiting.stderr.text() }).toEqual({
    code: 4,
    err: expect.stringContaining("the database failed over"),
  });
  const ofFlow = { code: await waitingForFlow.exited, err: await waitingForFlow.stderr.text() };
  expect(ofFlow).toMatchObject({ code: 4 });
  expect(ofFlow.err).toContain(`Expected the postings of flow ${night}, found them gone or`);
  const again = await Promise.all(Array.from({ length: lost }, (_, i) => post(`lost-${i}`)));
  for (const posting of [...again, ...strangers]) {
    expect(await posting.wait({ timeoutMs: 60_000 })).toMatchObject({ failed: 0, percent: 100 });
  }
  expect(await kept.wait({ timeoutMs: 60_000 })).toMatchObject({ done: jobs.length });
  expect((await post("kept", jobs.length)).isNew).toBe(false);

  const rows = await until("both pools to have a row", async () => {
    const up = await standby.db.sql<{ pid: number }[]>`
      select pid from pdoflow.pool where state = 'up'
        and heartbeat_at > clock_timestamp() - interval '3 s' order by pid`;
    return up.length >= 2 && up;
  });
  expect(rows.map(({ pid }) => pid)).toEqual(pools.map(({ pid }) => pid).toSorted((a, b) => a - b));
  expect(await brokenInvariants(standby.db)).toEqual([]);
  for (const pool of pools) pool.kill("SIGTERM");
  expect(await Promise.all(pools.map(({ exited }) => exited))).toEqual([0, 0]);
  await close();
}, 180_000);
