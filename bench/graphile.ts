import { type Contender, ContenderFailed, run, type Task } from "./contender.ts";
import { installedVersion, node, type PostSetting, postWith, scripts } from "./peer-scripts.ts";
import type { BenchDatabase } from "./server.ts";

interface DrainSetting {
  processes: number;
  concurrency: number;
  /** How many jobs a process fetches at once. */
  localQueue: number;
  /** How long a finished job waits for others, to be deleted with them. */
  completeDelayMs: number;
}

/** graphile-worker as its documentation tunes it for throughput, and some ways around that. */
export async function graphile(
  database: BenchDatabase,
  task: Task = "noop",
): Promise<Contender<PostSetting, DrainSetting>> {
  const { db, url } = database;
  const best = { processes: 1, concurrency: 24, localQueue: 500, completeDelayMs: 0 };
  const post = (asked: { jobs: number } & PostSetting) =>
    postWith("graphile-post.mjs", { url, task, ...asked });
  return {
    name: "graphile-worker",
    version: await installedVersion("graphile-worker"),
    database,
    postSettings: [
      { batchSize: 5000, inFlight: 2 },
      { batchSize: 1000, inFlight: 2 },
      { batchSize: 5000, inFlight: 1 },
      { batchSize: 1000, inFlight: 1 },
    ],
    drainSettings: [
      best,
      { ...best, processes: 2 },
      { ...best, localQueue: 2000 },
      { ...best, localQueue: 2000, processes: 2 },
      { ...best, concurrency: 10 },
      { ...best, concurrency: 96 },
      { ...best, completeDelayMs: 25 },
    ],
    async reset() {
      await db.sql`drop schema if exists graphile_worker cascade`;
      await post({ jobs: 0, batchSize: 1, inFlight: 1 });
    },
    post: (jobs, setting) => post({ jobs, ...setting }),
    async drain({ processes, ...setting }) {
      const command = [node, "graphile-drain.mjs", JSON.stringify({ url, ...setting })];
      await Promise.all(Array.from({ length: processes }, () => run(command, scripts)));
    },
    async verify(jobs) {
      // A job that was done is deleted; one that failed stays.
      const [row] = await db.sql<{ left: number; posted: number | null }[]>`
        select (select count(*) from graphile_worker._private_jobs) as left,
               pg_sequence_last_value(pg_get_serial_sequence('graphile_worker._private_jobs', 'id'))
                 as posted`;
      if (row?.posted !== jobs || row.left !== 0) {
        throw new ContenderFailed(
          `expected graphile-worker to do ${jobs} jobs, found ${row?.posted} and ${row?.left} left`,
        );
      }
    },
  };
}
