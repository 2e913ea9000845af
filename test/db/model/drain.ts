import type { Db } from "../../../src/db/connection/connect.ts";
import { resumePostings } from "../../../src/db/engine/control.ts";
import { release } from "../../../src/db/engine/release.ts";
import { finishStragglers } from "../../../src/db/engine/outcomes.ts";
import { startDue } from "../../../src/db/engine/starts.ts";
import { jobsOf, record, rescue, take } from "../engine.ts";
import { silencePool, startPool } from "./pools.ts";
import type { Queue } from "./queue.ts";

/** Nothing is lost: all pools but a new one are gone, and that one gets every job that is left. */
export async function drain(db: Db, queue: Queue): Promise<void> {
  await resumePostings(db, [...queue.postings.keys()]);
  await db.sql`update pdoflow.posting set run_at = now() where run_at is not null`;
  await startDue(db);
  for (const { id, isActive, poolId } of queue.leases.values()) {
    if (isActive && id % 2 === 0) await release(db, poolId, [id]);
  }
  for (const { id } of queue.pools.values()) await silencePool(db, id);
  await rescue(db);
  const pool = await startPool(db);
  let left = queue.places.size;
  for (;;) {
    await db.sql`update pdoflow.retry set due_at = now() where due_at > now()`;
    const jobs = jobsOf(await take(db, pool));
    if (jobs.length === 0) break;
    const refused = await record(db, pool, jobs);
    left -= jobs.length;
    if (refused > 0 || left < 0) throw new Error(`drain: ${refused} refused, ${left} left`);
  }
  await finishStragglers(db);
  const open = await db.sql<{ id: number }[]>`
    select id from pdoflow.posting where ended_at is null`;
  if (open.length > 0) {
    throw new Error(`drain: postings ${open.map(({ id }) => id).join(", ")} never end`);
  }
}
