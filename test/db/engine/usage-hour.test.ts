import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { reportUsage } from "../../../src/db/engine/usage.ts";
import { readUsageSums } from "../../../src/db/read/usage.ts";
import { newPool, postJobs, queueOfFile, refusal } from "../engine.ts";
import { untilBlocked } from "../locks.ts";

const freshQueue = queueOfFile();

const used = {
  ...{ attempts: 1, wallMs: 2, measuredMs: 2, cpuUserMs: 1, cpuSystemMs: 0 },
  ...{ peakBytes: 5, readBytes: 6, writtenBytes: 7 },
};

test("I1: reports of an hour add up, and the largest peak stays", async () => {
  await using db = await freshQueue();
  const [pool, postingId] = [await newPool(db), await postJobs(db, 1)];
  await reportUsage(db, pool, [{ ...used, postingId }]);
  await reportUsage(db, pool, [
    { ...used, postingId, peakBytes: 4 },
    { ...used, postingId },
  ]);
  expect(await readUsageSums(db, "entry-point", 0)).toMatchObject([
    { attempts: 3, wallMs: 6, measuredMs: 6, cpuUserMs: 3, peakBytes: 5, writtenBytes: 21 },
  ]);
});

test("I2: no report makes a later one fail, whatever its numbers and however long the name", async () => {
  await using db = await freshQueue();
  const entryPoint = `${"\u{1f600}".repeat(600)}.ts#main`;
  const [pool, postingId] = [await newPool(db), await postJobs(db, 1, { entryPoint })];
  for (const x of [Number.MAX_VALUE, -1]) {
    await reportUsage(db, pool, [{ ...used, postingId, wallMs: x, peakBytes: x, readBytes: x }]);
  }
  const { sql, schema } = db;
  for (const x of ["NaN", "Infinity", "null"]) {
    const numbers = `{1,1,${x},1,1,1,1,1}`;
    await sql`select ${schema}.pool_usage(${pool}, ${`{${postingId}}`}::bigint[], ${numbers}::float8[])`;
  }
  expect(await readUsageSums(db, "entry-point", 0)).toMatchObject([
    { attempts: 5, wallMs: 3, measuredMs: 4, peakBytes: 1, readBytes: 3 },
  ]);
  const short = sql`select ${schema}.pool_usage(${pool}, ${`{${postingId}}`}::bigint[], '{1}')`;
  expect(await refusal(short)).toContain("expected eight numbers");
});

test("I3: pools that report the same entry points in opposite orders do not wait in a circle", async () => {
  await using db = await freshQueue();
  await using one = connect(db.target, { connections: 1 });
  await using other = connect(db.target, { connections: 1 });
  await using holder = connect(db.target, { connections: 1 });
  const pools = [await newPool(db), await newPool(db)] as const;
  const ids: number[] = [];
  for (let n = 1; n <= 3; n++) ids.push(await postJobs(db, 1, { entryPoint: `f${n}.ts#main` }));
  const report = ids.map((postingId) => ({ ...used, postingId }));
  await reportUsage(db, pools[0], report);
  // Both wait for the row in the middle, or one of them for the other: each has what it has locked.
  const { sql } = holder;
  await sql`begin`;
  await sql`select from pdoflow.usage_hour where entry_point = 'f2.ts#main' for update`;
  const first = reportUsage(one, pools[0], report);
  await untilBlocked(db, 1);
  const second = reportUsage(other, pools[1], report.toReversed());
  await untilBlocked(db, 2);
  await sql`commit`;
  await Promise.all([first, second]);
  const sums = await readUsageSums(db, "entry-point", 0);
  expect(sums.map(({ attempts }) => attempts)).toEqual([3, 3, 3]);
});

test("sums older than 400 days go, and postings that are gone count nothing", async () => {
  await using db = await freshQueue();
  const [pool, postingId] = [await newPool(db), await postJobs(db, 1)];
  await reportUsage(db, pool, [{ ...used, postingId }]);
  await db.sql`update pdoflow.usage_hour set hour = hour - interval '401 days'`;
  await reportUsage(db, pool, [{ ...used, postingId: postingId + 1 }]);
  expect(await db.sql`select from pdoflow.usage_hour`).toHaveLength(0);
});
