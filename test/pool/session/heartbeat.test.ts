import { expect, test } from "bun:test";

import { registerPool } from "../../../src/db/engine/pools.ts";
import { Heartbeat } from "../../../src/pool/session/heartbeat.ts";
import { Link } from "../../../src/pool/link/link.ts";
import { freshDatabase } from "../../database.ts";

const pool = {
  ...{ host: "here", pid: 1, version: "0", osUser: "me", slots: 1, heartbeatTimeoutMs: 60_000 },
  ...{ provides: {}, posters: null },
};

test("news that come all the time do not put the beat off for ever", async () => {
  await using database = await freshDatabase();
  const poolId = await registerPool(database.db, pool);
  const link = new Link(database.db.target, { deadlineMs: 20_000 });
  const beats: number[] = [];
  const third = Promise.withResolvers<void>();
  const heartbeat = new Heartbeat(link, poolId, pool.heartbeatTimeoutMs, {
    running: () => [],
    isWaiting: () => false,
    output: () => [],
    report: async () => {},
    pollEdges: async () => {},
    onBeat: () => void (beats.push(performance.now()) === 3 && third.resolve()),
    onLost: () => third.reject(new Error("lost")),
    onSilence: () => third.reject(new Error("silent")),
    onRescue: () => {},
    onError: (error) => third.reject(error),
  });
  await heartbeat.start();
  const news = setInterval(() => heartbeat.hurry(), 20);
  await third.promise.finally(() => clearInterval(news));
  expect((beats[2] ?? 0) - (beats[0] ?? 0)).toBeWithin(400, 10_000);
  await heartbeat.stop();
  await link.close();
});
