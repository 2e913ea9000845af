// The queues of the bench with flows: a post is of elements, each of two jobs of which the second
// waits for the first.
import { bullmq } from "./bullmq.ts";
import { type Contender, run } from "./contender.ts";
import { pdoflow, postStages } from "./pdoflow.ts";
import { node, type PostSetting, postWith, scripts } from "./peer-scripts.ts";
import { pgboss } from "./pgboss.ts";
import type { BenchDatabase } from "./server.ts";

/** A contender that takes longer to post, or to run, is stopped. */
export const limitMs = 300_000;

export async function pdoflowStages(database: BenchDatabase, cores: number) {
  const base = await pdoflow(database, cores, "noop", postStages);
  return { ...base, verify: (elements: number) => base.verify(2 * elements) };
}

export async function pgbossFlow(database: BenchDatabase) {
  return flowOf(await pgboss(database), { schema: "pgboss", numbers: 2 });
}

export async function bullmqFlow(database: BenchDatabase) {
  // A parent gets a number when it is posted, and a new one when its children are done.
  return flowOf(await bullmq(database), { schema: "bullmq", numbers: 3 });
}

interface FlowKind {
  schema: "pgboss" | "bullmq";
  /** What the queue has counted for each element when both of its jobs are done. */
  numbers: number;
}

/** A queue whose scripts have the name of its schema: they post flows, and run them. */
function flowOf<D extends { processes: number }>(
  base: Contender<PostSetting, D>,
  { schema, numbers }: FlowKind,
): Contender<PostSetting, D> {
  const { db, url } = base.database;
  const post = (jobs: number, setting: PostSetting) =>
    postWith(`${schema}-flow-post.mjs`, { url, task: "noop", jobs, ...setting }, limitMs);
  return {
    ...base,
    async reset() {
      await db.sql`drop schema if exists ${db.sql(schema)} cascade`;
      await post(0, { batchSize: 1, inFlight: 1 });
    },
    post,
    async drain({ processes, ...setting }) {
      const command = [node, `${schema}-flow-drain.mjs`, JSON.stringify({ url, ...setting })];
      await Promise.all(Array.from({ length: processes }, () => run(command, scripts, limitMs)));
    },
    verify: (elements) => base.verify(numbers * elements),
  };
}
