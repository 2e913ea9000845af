import { type Contender, ContenderFailed, run, type Task } from "./contender.ts";
import { installedVersion, node, type PostSetting, postWith, scripts } from "./peer-scripts.ts";
import type { BenchDatabase } from "./server.ts";

interface DrainSetting {
  processes: number;
  /** How many jobs a process runs at the same time, each with statements of its own. */
  concurrency: number;
}

/** BullMQ with its PostgreSQL backend: `addBulk`, and workers that delete what is done. */
export async function bullmq(
  database: BenchDatabase,
  task: Task = "noop",
): Promise<Contender<PostSetting, DrainSetting>> {
  const { db, url } = database;
  const post = (asked: { jobs: number } & PostSetting) =>
    postWith("bullmq-post.mjs", { url, task, ...asked });
  return {
    name: "bullmq",
    version: await installedVersion("bullmq"),
    database,
    postSettings: [
      { batchSize: 5000, inFlight: 2 },
      { batchSize: 1000, inFlight: 2 },
      { batchSize: 1000, inFlight: 4 },
    ],
    drainSettings: [
      { processes: 1, concurrency: 24 },
      { processes: 1, concurrency: 8 },
      { processes: 1, concurrency: 64 },
      { processes: 2, concurrency: 8 },
      { processes: 2, concurrency: 24 },
    ],
    async reset() {
      await db.sql`drop schema if exists bullmq cascade`;
      await post({ jobs: 0, batchSize: 1, inFlight: 1 });
    },
    post: (jobs, setting) => post({ jobs, ...setting }),
    async drain({ processes, ...setting }) {
      const command = [node, "bullmq-drain.mjs", JSON.stringify({ url, task, ...setting })];
      await Promise.all(Array.from({ length: processes }, () => run(command, scripts)));
    },
    async verify(jobs) {
      // A job that was done is deleted; one that failed stays.
      const [row] = await db.sql<{ left: number; posted: number | null }[]>`
        select (select count(*) from bullmq.job) as left,
               pg_sequence_last_value('bullmq.job_seq') as posted`;
      if (row?.posted !== jobs || row.left !== 0) {
        throw new ContenderFailed(
          `expected bullmq to do ${jobs} jobs, found ${row?.posted} and ${row?.left} left`,
        );
      }
    },
  };
}
