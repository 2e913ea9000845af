import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("without a terminal top prints one frame, without anything that steers a terminal", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post(numbers(20), "fn.ts#fn", "--name", "night");
  await cli.drain();
  await db.sql`
    update pdoflow.posting set name = e'ni\x1b[2Jght'`;
  for (const args of [["top"], ["top", "--once"]]) {
    const { out, err, code } = await cli.run(...args);
    expect([code, err]).toEqual([0, ""]);
    // oxlint-disable-next-line no-control-regex
    expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(out).toMatch(/^pdoflow top/);
    expect(out).toMatch(/ni.*ght/);
    expect(out).toMatch(/RangeError: \d+ is too far/);
    expect(out).toContain("No pools. Start one: pdoflow pool");
  }
});

test("top --once of an empty queue says how to post", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  expect((await cli.run("top", "--once")).out).toContain("pdoflow post fn.ts#name args.json");
});

test("top --json has the data of the dashboard, with groups of failures and metrics of pools", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const id = await cli.post(numbers(20));
  await cli.drain();
  await db.sql`select pdoflow.schedule('nightly', '@daily', 'fn.ts#fn')`;
  const { out, code } = await cli.run("top", "--json");
  const top = documentOf("top", out);
  expect(code).toBe(0);
  const failed = top.postings[0]?.jobs.failed ?? 0;
  expect(failed).toBeGreaterThan(0);
  expect(top).toMatchObject({
    ...{ version: 1, readOnly: null, morePostings: 0, oldestWaitingMs: null, pools: [] },
    postings: [{ id, jobCount: 20, state: "finished", jobs: { done: 20 - failed } }],
    schedules: [{ name: "nightly", timing: "@daily", isPaused: false, lastAt: null, missed: 0 }],
  });
  expect(top.failures.reduce((sum, { count }) => sum + count, 0)).toBe(failed);
  const [told] = await db.sql<{ done: number; failed: number }[]>`
    select sum(done)::integer as done, sum(failed)::integer as failed from pdoflow.tally`;
  expect(told).toEqual({ done: 20 - failed, failed });
});

test("a wrong --delay is reported before anything is printed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const { code, out, err } = await cli.run("top", "--once", "--delay", "0.1");
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain("expected 0.5 seconds or more");
});
