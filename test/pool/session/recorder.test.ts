import { expect, jest, test } from "bun:test";

import { Link } from "../../../src/pool/link/link.ts";
import { pendingOne } from "../../../src/pool/session/outcome-batch.ts";
import { Recorder } from "../../../src/pool/session/recorder.ts";
import { jobsOf, leased, outcome, outcomesOf, queueOfFile, take } from "../../db/engine.ts";

const queue = queueOfFile();

test("outcomes are written at once when no other job is leased, and else together", async () => {
  await using db = await queue();
  const { pool, id, jobs } = await leased(db, 3);
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
  const [first] = jobs;
  recorder.expect({ leaseId: first?.leaseId ?? 0, postingId: id }, jobs.length);
  jest.useFakeTimers(); // and no time passes
  try {
    for (const job of jobs) {
      await db.sql`select 1`;
      recorder.add(pendingOne({ ...outcome(job), endedAt: 0, jobCount: 3 }));
    }
    for (let i = 0; i < 5_000 && written.length === 0; i++) await db.sql`select 1`;
  } finally {
    jest.useRealTimers();
  }
  expect(written).toEqual([3]);
  expect(await outcomesOf(db)).toHaveLength(3);
  expect(jobsOf(await take(db, pool))).toEqual([]);
  await link.close();
});
