// Rule 9: all moments are the database's. A machine whose own clock is wrong does no harm.
import { afterEach, expect, setSystemTime, test } from "bun:test";

import { sendHeartbeat } from "../../../src/db/engine/pools.ts";
import { jobsOf, newPool, postJobs, queueOfFile, recordEach, rescue, take } from "../engine.ts";

const freshQueue = queueOfFile();
const dayMs = 86_400_000;

afterEach(() => void setSystemTime());

test.each([
  ["behind", -dayMs],
  ["ahead", dayMs],
])("a pool and a poster a day %s write no moment that is off", async (_where, ms) => {
  await using db = await freshQueue();
  setSystemTime(new Date(Date.now() + ms));
  const pool = await newPool(db);
  await postJobs(db, 2);
  const jobs = jobsOf(await take(db, pool));
  await recordEach(db, pool, jobs, [{ ageMs: 5 }, { state: "retried", delayMs: 60_000 }]);
  await sendHeartbeat(db, pool, [], false);
  expect(await rescue(db)).toEqual([]);
  const rows = await db.sql`
    select what, abs(extract(epoch from clock_timestamp() - at)) < 30 as is_right from (
      select 'beat' as what, heartbeat_at as at from pdoflow.pool
      union all select 'start', started_at from pdoflow.pool
      union all select 'post', posted_at from pdoflow.posting
      union all select 'claim', claimed_at from pdoflow.lease
      union all select 'end', ended_at from pdoflow.outcome
      union all select 'retry', due_at - interval '60 s' from pdoflow.retry) moments`;
  const whats = ["beat", "start", "post", "claim", "end", "end", "retry"];
  expect([...rows]).toEqual(whats.map((what) => ({ what, isRight: true })));
});
