import { existsSync } from "node:fs";
import { join } from "node:path";

import { type Contender, ContenderFailed, run, type Task } from "./contender.ts";
import { node, scripts } from "./peer-scripts.ts";
import type { BenchDatabase } from "./server.ts";
import { migrate } from "../src/db/admin/migrations.ts";

interface DrainSetting {
  workers: number;
}

/** The compiled program. */
export const binary = join(import.meta.dir, "../dist/pdoflow");
/** Entry points of the bench are relative to this folder. */
export const root = import.meta.dir;
const library = join(root, "../src/index.ts");

/** Runs the library in one of its two runtimes, and returns how long it took to post, in ms. */
export type PostWith = (url: string, jobs: number, task: Task) => Promise<number>;

const postOptions = (task: Task) => (task === "kept" ? { keepsOutput: "all" } : {});

async function post(
  command: string,
  from: string,
  url: string,
  jobs: number,
  task: Task,
  over?: string,
) {
  const asked = { url, jobs, library: from, entryPoint: `jobs.ts#${task}`, over };
  const text = JSON.stringify({ ...asked, options: postOptions(task) });
  return Number(JSON.parse(await run([command, "pdoflow-post.mjs", text], scripts)).ms);
}

export const postWithBun: PostWith = (url, jobs, task) =>
  post(process.execPath, library, url, jobs, task);

/** Posts a second stage over the first, so that job i of it waits for job i of the first. */
export const postStages: PostWith = (url, jobs, task) =>
  post(process.execPath, library, url, jobs, task, `jobs.ts#${task}`);

/** The library as one file for Node, built into `folder`. */
export async function postWithNode(folder: string): Promise<PostWith> {
  const built = join(folder, "pdoflow.mjs");
  const options = ["--target", "node", "--format", "esm", "--outfile", built];
  await run([process.execPath, "build", library, ...options], root);
  return (url, jobs, task) => post(node, built, url, jobs, task);
}

/**
 * This clone's PDOFlow: posts with the library, drains with `pdoflow pool --once` of the compiled
 * binary and its worker processes, and keeps an outcome of each job.
 */
export async function pdoflow(
  database: BenchDatabase,
  cores: number,
  task: Task = "noop",
  postWith: PostWith = postWithBun,
): Promise<Contender<object, DrainSetting>> {
  const { db, url } = database;
  if (!existsSync(binary)) {
    throw new ContenderFailed(`expected ${binary}, found nothing. Run: npm run build`);
  }
  const version = (await run([binary, "--version"], root)).trim();
  return {
    name: "pdoflow",
    version,
    database,
    postSettings: [{}],
    drainSettings: [...new Set([cores, 1, 2 * cores])].map((workers) => ({ workers })),
    async reset() {
      await db.sql`drop schema if exists pdoflow cascade`;
      await migrate(db);
    },
    post: (jobs) => postWith(url, jobs, task),
    async drain({ workers }) {
      await runPool(url, workers);
    },
    async verify(jobs) {
      const [row] = await db.sql<{ done: number }[]>`
        select coalesce(sum(done), 0) as done from pdoflow.posting where ended_at is not null`;
      if (row?.done !== jobs) {
        throw new ContenderFailed(`expected pdoflow to do ${jobs} jobs, found ${row?.done}`);
      }
    },
  };
}

/** Runs what is there to its end. */
export async function runPool(url: string, workers: number): Promise<void> {
  const options = ["--once", "--max-workers", String(workers), "--database", url];
  await run([binary, "pool", ...options], root);
}
