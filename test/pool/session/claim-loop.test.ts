import { expect, test } from "bun:test";

import { deferred } from "../../../src/domain/node-20.ts";
import { ClaimLoop } from "../../../src/pool/session/claim-loop.ts";
import { closeLinks, openLinks, Session } from "../../../src/pool/session/session.ts";
import { freshDatabase } from "../../database.ts";

const pool = {
  ...{ host: "here", pid: 1, version: "test", osUser: "ada", slots: 1, heartbeatTimeoutMs: 15_000 },
  ...{ provides: {}, posters: null, oldestEvery: 0, run: "" },
};

const listener = {
  running: () => [],
  isWaiting: () => false,
  output: () => [],
  busy: () => 0,
  onBeat: () => {},
  onLost: () => {},
  onSilence: () => {},
  onRescue: () => {},
  onWritten: () => {},
  outcomes: { onRefused: () => {}, onReplaced: () => {}, onBacklog: () => {} },
  isCurrent: () => true,
  log: () => {},
  onError: () => {},
};

test("a pool of --once does not end by a look that began before its last outcome was recorded", async () => {
  await using db = await freshDatabase();
  const links = openLinks(db.db.target, pool.heartbeatTimeoutMs, () => {});
  const session = await Session.open(links, pool, listener);
  const ended = deferred<number>();
  let looks = 0;
  /** The first look says that the pool waits; the second begins while an outcome is written. */
  let asked = 0;
  const claims = new ClaimLoop(
    {
      session: () => session,
      room: () => {
        looks++;
        return {
          workers: 1,
          workersOfAllPools: 1,
          idle: 1,
          backlog: 0,
          bytes: 0,
          leftMs: Infinity,
        };
      },
      isQuiet: () => ++asked > 2,
      onJobs: async () => {},
      onNothingLeft: () => ended.resolve(looks),
      onError: (error) => ended.reject(error),
    },
    { isOnce: true },
  );
  claims.wake();
  expect(await ended.promise).toBeGreaterThan(2);
  claims.stop();
  await closeLinks(links);
});
