// Which partition a posting's jobs and outcomes are in, and when there is another one.
import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { keepRoom } from "../../../src/db/posting/insert.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { freshQueue, jobsOf, newPool, postJobs, readLines, recordPart, take } from "../engine.ts";
import { commit, openTransaction } from "../locks.ts";
import { brokenInvariants } from "../invariants.ts";
import { all, fillUp, opensSpan, spans } from "./retention.ts";

test("X1: the next span is there before it is needed: a wider one, if postings are small", async () => {
  await using db = await freshQueue();
  const widths = async () => (await spans(db)).map(({ first, end }) => end - first);
  await keepRoom(db);
  await keepRoom(db);
  expect(await widths()).toEqual([10_000, 10_000]);
  await postJobs(db, 3);
  await db.sql`select setval('pdoflow.posting_id_seq', 10500)`;
  await keepRoom(db);
  expect(await widths()).toEqual([10_000, 10_000, 80_000]);
  expect(await postJobs(db, 1)).toBe(10_501);
  await fillUp(db);
  expect(await postJobs(db, 1)).toBe(20_001);
  await keepRoom(db);
  expect(await widths()).toEqual([10_000, 10_000, 80_000, 10_000]);
  expect(await postJobs(db, 1)).toBe(100_001);
  expect(await postJobs(db, 1)).toBe(100_002); // no span is after it: it grows
  expect(await brokenInvariants(db)).toEqual([]);
});

test("X1: postings go on in the next span when the numbers of one are used up", async () => {
  await using db = await freshQueue();
  await db.sql`select setval('pdoflow.posting_id_seq', 9999)`;
  await keepRoom(db);
  const ids = [await postJobs(db, 1), await postJobs(db, 1), await postJobs(db, 1)];
  expect(ids).toEqual([10_000, 10_001, 10_002]);
});

test("X1: posters that come at the same moment open one span, and no id twice", async () => {
  await using db = await freshQueue();
  await db.sql`select setval('pdoflow.posting_id_seq', 9997)`;
  const posters = Array.from({ length: 6 }, () => connect(db.target, { connections: 1 }));
  const ids = await Promise.all(
    posters.flatMap((poster) => [postJobs(poster, 2), postJobs(poster, 1), postJobs(poster, 3)]),
  );
  await Promise.all(posters.map((poster) => poster.close()));
  expect(new Set(ids).size).toBe(18);
  expect(await spans(db)).toHaveLength(2);
  expect(Math.max(...ids)).toBeLessThan(10_050);
});

test("a span is opened while others post, claim and record", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  await postJobs(db, 10);
  const busy = await openTransaction(db);
  const ranges = await take(busy, pool);
  await readLines(busy, ranges);
  await recordPart(busy, pool, jobsOf(ranges).slice(0, 5));
  await fillUp(db);
  await db.sql`set lock_timeout = '2s'`;
  await keepRoom(db);
  expect(await postJobs(db, 1)).toBe(10_001);
  await commit(busy);
  await busy.close();
});

test("X2: a poster that has its id, and nothing else yet, keeps its span", async () => {
  await using db = await freshQueue();
  const poster = await openTransaction(db);
  await poster.sql`select pdoflow.take_posting_id()`;
  for (let n = 0; n < 3; n++) await opensSpan(db);
  await prune(db, all);
  expect((await spans(db)).map(({ first }) => first)).toContain(1);
  await commit(poster);
  await poster.close();
  await prune(db, all);
  expect((await spans(db)).map(({ first }) => first)).not.toContain(1);
});

test("the jobs of a claim are read from their own span: others are not even opened", async () => {
  await using db = await freshQueue();
  for (let n = 0; n < 5; n++) await opensSpan(db);
  const id = await postJobs(db, 3);
  const tx = await openTransaction(db);
  const range = { postingId: id, firstSeq: 0, endSeq: 3, attempt: 1 };
  expect((await readLines(tx, [range])).flat()).toHaveLength(3);
  const locked = await tx.sql`
    select from pg_locks join pg_class c on c.oid = relation
    where pid = pg_backend_pid() and c.relkind = 'r' and c.relname like 'job%'`;
  expect(locked).toHaveLength(1);
  await tx.close();
});

test("empty spans are dropped, but for the newest two", async () => {
  await using db = await freshQueue();
  for (let n = 0; n < 4; n++) await opensSpan(db);
  expect(await spans(db)).toHaveLength(5);
  await prune(db, all);
  const left = await spans(db);
  expect(left.map(({ bytes }) => bytes)).toEqual([0, 0]);
  expect(await postJobs(db, 1)).toBeGreaterThan(left[1]?.first ?? 0);
});
