import { expect, test } from "bun:test";

import { Meter } from "../../../src/pool/session/meter.ts";
import { closeLinks, openLinks, Session } from "../../../src/pool/session/session.ts";
import { freshDatabase } from "../../database.ts";

const pool = {
  ...{ host: "here", pid: 1, version: "test", osUser: "ada", slots: 1, heartbeatTimeoutMs: 60_000 },
  ...{ provides: {}, posters: null, oldestEvery: 0, run: "" },
};

test("a pool reports its work again only if it has changed", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const reports: string[] = [];
  const onStatement = (text: string) => {
    if (text.includes("pool_report")) reports.push(text);
  };
  const ignored = { onNotify: () => {}, onMoved: () => {} };
  const links = openLinks({ ...db.target, onStatement }, pool.heartbeatTimeoutMs, ignored);
  let [busy, beats] = [0, 0];
  let beaten = Promise.withResolvers<void>();
  const session = await Session.open(links, pool, {
    ...{ running: () => [], isWaiting: () => false, output: () => [] },
    ...{ busy: () => busy, free: () => ({}), meter: new Meter(), onWritten: () => {} },
    ...{ onLost: () => {}, onSilence: () => {}, onRescue: () => {}, pollPrune: async () => {} },
    // A heartbeat begins after the report of the one before.
    onBeat: () => void (++beats % 3 === 0 && beaten.resolve()),
    outcomes: { onRefused: () => {}, onReplaced: () => {}, onBacklog: () => {} },
    ...{ isCurrent: () => true, log: () => {}, onError: (error) => beaten.reject(error) },
  });
  await session.heartbeat.start();
  const hurry = setInterval(() => session.heartbeat.hurry(), 10);
  await beaten.promise;
  expect(reports).toHaveLength(1);
  beaten = Promise.withResolvers<void>();
  busy = 1;
  await beaten.promise.finally(() => clearInterval(hurry));
  expect(reports).toHaveLength(2);
  await session.heartbeat.stop();
  await closeLinks(links);
});
