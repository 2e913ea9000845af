import { type Contender, ContenderFailed, run, type Task } from "./contender.ts";
import { installedVersion, node, type PostSetting, postWith, scripts } from "./peer-scripts.ts";
import type { BenchDatabase } from "./server.ts";

interface DrainSetting {
  processes: number;
  /** How many batches a process has in hand at the same time. */
  loops: number;
  batchSize: number;
  /** Whether jobs come by priority and age: without that pg-boss is free to take any. */
  ordered: boolean;
}

/** pg-boss at its best: `insert` in bulk, `fetch` and `complete` of whole batches. */
export async function pgboss(
  database: BenchDatabase,
  task: Task = "noop",
): Promise<Contender<PostSetting, DrainSetting>> {
  const { db, url } = database;
  const best = { processes: 1, loops: 2, batchSize: 1000, ordered: true };
  const post = (asked: { jobs: number } & PostSetting) =>
    postWith("pgboss-post.mjs", { url, task, ...asked });
  return {
    name: "pg-boss",
    version: await installedVersion("pg-boss"),
    database,
    postSettings: [
      { batchSize: 5000, inFlight: 2 },
      { batchSize: 1000, inFlight: 2 },
      { batchSize: 5000, inFlight: 1 },
    ],
    drainSettings: [
      best,
      { ...best, ordered: false },
      { ...best, batchSize: 5000 },
      { ...best, loops: 1 },
      { ...best, processes: 2, loops: 1 },
    ],
    async reset() {
      await db.sql`drop schema if exists pgboss cascade`;
      await post({ jobs: 0, batchSize: 1, inFlight: 1 });
    },
    post: (jobs, setting) => post({ jobs, ...setting }),
    async drain({ processes, ...setting }) {
      const command = [node, "pgboss-drain.mjs", JSON.stringify({ url, task, ...setting })];
      await Promise.all(Array.from({ length: processes }, () => run(command, scripts)));
    },
    async verify(jobs) {
      const [row] = await db.sql<{ done: number; all: number }[]>`
        select count(*) filter (where state = 'completed') as done, count(*) as all
        from pgboss.job`;
      if (row?.done !== jobs || row.all !== jobs) {
        throw new ContenderFailed(
          `expected pg-boss to complete ${jobs} jobs, found ${row?.done} of ${row?.all}`,
        );
      }
    },
  };
}
