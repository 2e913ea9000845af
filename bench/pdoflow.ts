import { existsSync } from "node:fs";
import { join } from "node:path";

import { type Contender, ContenderFailed, run } from "./contender.ts";
import type { BenchDatabase } from "./server.ts";
import { migrate } from "../src/db/migrations.ts";

interface PostSetting {
  batchSize: number;
}
interface DrainSetting {
  workers: number;
}

const binary = join(import.meta.dir, "../dist/pdoflow");

/**
 * This clone's PDOFlow: posts with what the library posts with, drains with `pdoflow pool --once`
 * of the compiled binary and its worker processes, and keeps an outcome row for each job.
 */
export async function pdoflow(
  { db, url }: BenchDatabase,
  cores: number,
): Promise<Contender<PostSetting, DrainSetting>> {
  if (!existsSync(binary)) {
    throw new ContenderFailed(`expected ${binary}, found nothing. Run: npm run build`);
  }
  const version = (await run([binary, "--version"], import.meta.dir)).trim();
  return {
    name: "pdoflow",
    version,
    postSettings: [{ batchSize: 2000 }, { batchSize: 5000 }],
    drainSettings: [...new Set([1, cores, 2 * cores])].map((workers) => ({ workers })),
    async reset() {
      await db.sql`drop schema if exists pdoflow cascade`;
      await migrate(db);
    },
    async post(jobs, { batchSize }) {
      const asked = JSON.stringify({ url, jobs, batchSize });
      const out = await run([process.execPath, "pdoflow-post.ts", asked], import.meta.dir);
      return Number(JSON.parse(out).ms);
    },
    async drain({ workers }) {
      const options = ["--once", "--max-workers", String(workers), "--database", url];
      await run([binary, "pool", ...options], import.meta.dir);
    },
    async verify(jobs) {
      const [row] = await db.sql<{ done: number }[]>`
        select count(*) as done from pdoflow.outcome where state = 'done'`;
      if (row?.done !== jobs) {
        throw new ContenderFailed(`expected ${jobs} outcomes of pdoflow, found ${row?.done}`);
      }
    },
  };
}
