import { expect, test } from "bun:test";

import { alone } from "../../../src/domain/crowd.ts";
import { deferred } from "../../../src/domain/node-20.ts";
import { ClaimLoop, type ClaimLoopListener } from "../../../src/pool/session/claim-loop.ts";
import { Meter } from "../../../src/pool/session/meter.ts";
import { closeLinks, openLinks, Session } from "../../../src/pool/session/session.ts";
import { until } from "../../binary/cli.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { postJobs } from "../../db/engine.ts";

const pool = {
  ...{ host: "here", pid: 1, version: "test", osUser: "ada", slots: 1, heartbeatTimeoutMs: 15_000 },
  ...{ provides: {}, posters: null, oldestEvery: 0, run: "" },
};

const oneIdle = {
  ...{ workers: 1, workersOfAllPools: 1, idle: 1, backlog: 0, bytes: 0 },
  resources: null,
  leftMs: Infinity,
};

interface LoopOptions {
  isOnce?: boolean;
  listener?: Partial<ClaimLoopListener>;
  /** Called when a statement has been answered. */
  onStatement?: (text: string, session: Session) => void;
}

/** The claims of a pool with one worker, which is always idle. */
async function openLoop({ db }: TestDatabase, { isOnce, listener, onStatement }: LoopOptions) {
  const statements: string[] = [];
  let session: Session | null = null;
  const onAnswer = (text: string) => {
    statements.push(text);
    if (session) onStatement?.(text, session);
  };
  const target = { ...db.target, onStatement: onAnswer };
  const links = openLinks(target, pool.heartbeatTimeoutMs, {
    onNotify: (_channel, payload) => loop.notify(payload),
    onMoved: () => {},
  });
  const loop: ClaimLoop = new ClaimLoop(
    {
      session: () => session,
      room: () => oneIdle,
      crowd: () => alone,
      isQuiet: () => true,
      onJobs: async () => {},
      ...{ onNews: () => {}, onNothingLeft: () => {}, onClaimed: () => {} },
      onError: (error) => {
        if (!links.claims.isClosed) throw error;
      },
      ...listener,
    },
    { isOnce: () => isOnce ?? false },
  );
  session = await Session.open(links, pool, {
    ...{
      running: () => [],
      isWaiting: () => loop.isWaiting,
      output: () => [],
      free: () => ({}),
      busy: () => 0,
    },
    ...{ onBeat: () => {}, onLost: () => {}, onSilence: () => {}, onRescue: () => {} },
    pollPrune: async () => {},
    ...{ meter: new Meter(), onWritten: () => {} },
    outcomes: { onRefused: () => {}, onReplaced: () => {}, onBacklog: () => {} },
    ...{ isCurrent: () => true, log: () => {}, onError: () => {} },
  });
  const { heartbeat } = session;
  await heartbeat.start(); // listens
  loop.wake();
  return {
    loop,
    /** It waits for a poll in 1.5 seconds or more, and not for the one soon after its report. */
    isAtRest: () =>
      until("the pool to wait", async () => {
        const reportedAt = statements.findLastIndex((text) => text.includes("pool_listens"));
        const since = statements.slice(reportedAt + 1);
        const rests = since.filter((text) => text.includes("pool_next_ms"));
        return reportedAt >= 0 && rests.length > 1 && loop.isWaiting;
      }),
    async [Symbol.asyncDispose]() {
      loop.stop();
      await heartbeat.stop();
      await closeLinks(links);
    },
  };
}

test("a pool of --once does not end by a look that began before its last outcome was recorded", async () => {
  await using db = await freshDatabase();
  const ended = deferred<number>();
  let looks = 0;
  /** The first look says that the pool waits; the second begins while an outcome is written. */
  let asked = 0;
  const listener = {
    room: () => {
      looks++;
      return oneIdle;
    },
    isQuiet: () => ++asked > 2,
    onNothingLeft: () => ended.resolve(looks),
  };
  await using open = await openLoop(db, { isOnce: true, listener });
  expect(open.loop.isWaiting).toBe(false);
  expect(await ended.promise).toBeGreaterThan(2);
});

test("a pool that waits is notified, although a heartbeat has just reported that it is busy", async () => {
  await using db = await freshDatabase();
  let wasBusy = false;
  const onStatement = (text: string, { heartbeat }: Session) => {
    if (wasBusy || !text.includes("pool_next_ms")) return;
    wasBusy = true;
    void heartbeat.report(); // the pool has reported that it waits, and is about to wait
  };
  await using open = await openLoop(db, { onStatement });
  await until("the pool to wait", async () => wasBusy && open.loop.isWaiting);
  const [row] = await db.sql`select listens from pdoflow.pool`;
  expect(row?.["listens"]).toBe(true);
});

test("a pool that has claimed all jobs of which it was notified waits without another claim", async () => {
  await using db = await freshDatabase();
  const waits: boolean[] = [];
  const listener: Partial<ClaimLoopListener> = {
    onJobs: async () => void setTimeout(() => waits.push(open.loop.isWaiting)),
  };
  await using open = await openLoop(db, { listener });
  for (const posting of [1, 2, 3]) {
    await open.isAtRest();
    await postJobs(db.db, posting); // as many jobs as the number says; each claim takes one
    await until(
      "the jobs to be claimed",
      async () => waits.length === (posting * (posting + 1)) / 2,
    );
  }
  // The route of the first posting was unknown before. Of the others, all but one job are left.
  expect(waits).toEqual([false, false, false, false, false, false]);
  await open.isAtRest();
  await postJobs(db.db, 1);
  await until("the job to be claimed", async () => waits.length === 7);
  expect(waits.at(-1)).toBe(true);
});

test("a pool that is notified during a claim claims again before it waits", async () => {
  await using db = await freshDatabase();
  const taken: number[] = [];
  const listener: Partial<ClaimLoopListener> = {
    onJobs: async (_session, jobs) => {
      taken.push(...jobs.map(({ posting }) => posting.id));
      if (taken.length === 2) open.loop.notify(String(await postJobs(db.db, 1)));
    },
  };
  await using open = await openLoop(db, { listener });
  for (const posting of [1, 2]) {
    await open.isAtRest();
    await postJobs(db.db, 1);
    await until("the job to be claimed", async () => taken.length >= posting);
  }
  await until("the last job", async () => taken.length === 3 || open.loop.isWaiting);
  expect(taken).toEqual([1, 2, 3]);
});
