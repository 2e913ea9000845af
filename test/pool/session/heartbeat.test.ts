import { expect, test } from "bun:test";

import { registerPool } from "../../../src/db/engine/pools.ts";
import { Heartbeat } from "../../../src/pool/session/heartbeat.ts";
import { Link } from "../../../src/pool/link/link.ts";
import { freshDatabase } from "../../database.ts";

const pool = {
  ...{ host: "here", pid: 1, version: "0", osUser: "me", slots: 1, heartbeatTimeoutMs: 60_000 },
  ...{ provides: {}, posters: null },
};

/** The parts of a pool that a heartbeat needs. */
const listener = {
  ...{ running: () => [], isWaiting: () => false, output: () => [] },
  report: async () => {},
  pollEdges: async () => {},
  notify: async () => {},
  pollPrune: async () => {},
  ...{ onBeat: () => {}, onRescue: () => {} },
};

test("news that come all the time do not put the beat off for ever", async () => {
  await using database = await freshDatabase();
  const poolId = await registerPool(database.db, pool);
  const link = new Link(database.db.target, { deadlineMs: 20_000 });
  const beats: number[] = [];
  const third = Promise.withResolvers<void>();
  const heartbeat = new Heartbeat(link, poolId, pool.heartbeatTimeoutMs, {
    ...listener,
    onBeat: () => void (beats.push(performance.now()) === 3 && third.resolve()),
    onLost: () => third.reject(new Error("lost")),
    onSilence: () => third.reject(new Error("silent")),
    onError: (error) => third.reject(error),
  });
  await heartbeat.start();
  const news = setInterval(() => heartbeat.hurry(), 20);
  await third.promise.finally(() => clearInterval(news));
  expect((beats[2] ?? 0) - (beats[0] ?? 0)).toBeWithin(400, 10_000);
  await heartbeat.stop();
  await link.close();
});

test("heartbeats go on while many schedules fire", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  await db.sql`
    select pdoflow.schedule('s' || n, 'every 10m', 'work.ts#main', '[1]')
    from generate_series(1, 400) as n`;
  await db.sql`
    update pdoflow.schedule set nominal_at = now(), fires_at = now(),
                                created_at = now() - interval '10 min'`;
  const poolId = await registerPool(db, pool);
  const statements: string[] = [];
  const fired = Promise.withResolvers<void>();
  let fires = 0;
  const onStatement = (text: string) => {
    const name = /pool_\w+/.exec(text)?.[0] ?? "";
    statements.push(name);
    if (name === "pool_fire_due" && ++fires === 400) fired.resolve();
  };
  const link = new Link({ ...db.target, onStatement }, { deadlineMs: 20_000 });
  const fail = (what: string) => () => fired.reject(new Error(what));
  const heartbeat = new Heartbeat(link, poolId, pool.heartbeatTimeoutMs, {
    ...listener,
    ...{ onLost: fail("lost"), onSilence: fail("silent"), onError: fired.reject },
  });
  await heartbeat.start();
  const news = setInterval(() => heartbeat.hurry(), 20);
  await fired.promise.finally(() => clearInterval(news));
  const between = statements.slice(
    statements.indexOf("pool_fire_due"),
    statements.lastIndexOf("pool_fire_due"),
  );
  expect(between.filter((name) => name === "pool_heartbeat").length).toBeGreaterThan(0);
  await heartbeat.stop();
  await link.close();
});

test("heartbeats go on while the receivers of many notifications are notified", async () => {
  await using database = await freshDatabase();
  const poolId = await registerPool(database.db, pool);
  const link = new Link(database.db.target, { deadlineMs: 20_000 });
  const [begun, held, third] = [0, 1, 2].map(() => Promise.withResolvers<void>());
  let beats = 0;
  const heartbeat = new Heartbeat(link, poolId, pool.heartbeatTimeoutMs, {
    ...listener,
    notify: async () => {
      begun?.resolve();
      await held?.promise;
    },
    onBeat: () => void (++beats === 3 && third?.resolve()),
    ...{ onLost: () => {}, onSilence: () => {}, onError: (error) => third?.reject(error) },
  });
  await heartbeat.start();
  await begun?.promise;
  const news = setInterval(() => heartbeat.hurry(), 20);
  await third?.promise.finally(() => clearInterval(news));
  held?.resolve();
  await heartbeat.stop();
  await link.close();
});

test.each([
  { pools: 99, reports: 4 },
  { pools: 100, reports: 1 },
])(
  "of $pools pools, one reports its work $reports times in four heartbeats of which three are early",
  async ({ pools, reports }) => {
    await using database = await freshDatabase();
    const { db } = database;
    const ids = Array.from({ length: pools }, () => registerPool(db, pool));
    const [poolId = -1] = await Promise.all(ids);
    const link = new Link(db.target, { deadlineMs: 20_000 });
    const fifth = Promise.withResolvers<void>();
    let beats = 0;
    const reportedBefore: number[] = [];
    const heartbeat = new Heartbeat(link, poolId, pool.heartbeatTimeoutMs, {
      ...listener,
      report: async () => void reportedBefore.push(beats),
      onBeat: () => void (++beats === 5 && fifth.resolve()),
      ...{ onLost: () => {}, onSilence: () => {}, onError: (error) => fifth.reject(error) },
    });
    await heartbeat.start();
    const news = setInterval(() => heartbeat.hurry(), 20);
    await fifth.promise.finally(() => clearInterval(news));
    expect(reportedBefore.filter((beat) => beat <= 4)).toHaveLength(reports);
    await heartbeat.stop();
    await link.close();
  },
);
