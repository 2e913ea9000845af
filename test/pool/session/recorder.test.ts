import { expect, jest, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { Link } from "../../../src/pool/link/link.ts";
import { pendingOne } from "../../../src/pool/session/outcome-batch.ts";
import { Recorder } from "../../../src/pool/session/recorder.ts";
import { jobsOf, leased, nth, outcome, outcomesOf, queueOfFile, take } from "../../db/engine.ts";

const queue = queueOfFile();

/** A recorder that expects the outcomes of a lease, and the sizes of the batches that it wrote. */
async function recording(db: Db, count: number) {
  const { pool, id, jobs } = await leased(db, count);
  const written: number[] = [];
  const link = new Link(db.target, { deadlineMs: 60_000 });
  await link.ask(({ sql }) => sql`select 1`); // connected
  const recorder = new Recorder(link, pool, {
    outcomes: { onRefused: () => {}, onReplaced: () => {}, onBacklog: () => {} },
    onWritten: (_ids, batch) => {
      written.push(batch.reduce((sum, { durationsMs }) => sum + durationsMs.length, 0));
    },
    onError: (error) => {
      throw error;
    },
  });
  recorder.expect({ leaseId: nth(jobs, 0).leaseId, postingId: id }, jobs.length);
  const end = (position: number) =>
    recorder.add(
      pendingOne({
        ...outcome(nth(jobs, position)),
        ...{ endedAt: 0, jobCount: count, routeId: 1, entryPoint: "a.ts#f" },
      }),
    );
  return { pool, recorder, written, end, [Symbol.asyncDispose]: () => link.close() };
}

/** Timers do not fire while it runs. */
async function withoutTimers(work: () => Promise<void>): Promise<void> {
  jest.useFakeTimers();
  try {
    await work();
  } finally {
    jest.useRealTimers();
  }
}

test("outcomes are written at once when no other job is leased, and else together", async () => {
  await using db = await queue();
  await using made = await recording(db, 3);
  const { pool, written, end } = made;
  await withoutTimers(async () => {
    for (const position of [0, 1, 2]) {
      await db.sql`select 1`;
      end(position);
    }
    for (let i = 0; i < 5_000 && written.length === 0; i++) await db.sql`select 1`;
  });
  expect(written).toEqual([3]);
  expect(await outcomesOf(db)).toHaveLength(3);
  expect(jobsOf(await take(db, pool))).toEqual([]);
});

test("a flush writes waiting outcomes at once, also those added meanwhile; later outcomes wait", async () => {
  await using db = await queue();
  await using made = await recording(db, 9);
  const { recorder, written, end } = made;
  await withoutTimers(async () => {
    end(0);
    const flushed = recorder.flush();
    for (let i = 0; i < 10; i++) await Promise.resolve(); // the first one is being sent
    end(1);
    end(2);
    await flushed;
    expect(written).toEqual([1, 2]);
    end(3);
    for (let i = 0; i < 20; i++) await db.sql`select 1`;
    expect(written).toEqual([1, 2]);
    expect(recorder.isIdle).toBe(false);
  });
  await recorder.flush();
  expect(await outcomesOf(db)).toHaveLength(4);
});
