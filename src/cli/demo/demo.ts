import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Command, Option } from "clipanion";

import { connect, type Db } from "../../db/connection/connect.ts";
import { migrate } from "../../db/admin/migrations.ts";
import type { JobBatch } from "../../db/posting/batches.ts";
import { JobBatcher } from "../../db/posting/job-batcher.ts";
import { insertPosting } from "../../db/posting/insert.ts";
import { readCounts } from "../../db/read/status.ts";
import { exitCodes } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { serverPaths } from "../../db/settings/server-paths.ts";
import { embeddedTarget } from "../../db/settings/target.ts";
import { encodeArgs } from "../../job/values.ts";
import { Pool } from "../../pool/pool.ts";
import { workerPool } from "../../pool/worker-pool.ts";
import { ensureServer, stopServer } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { listFiles } from "./demo-files.ts";
import { FileReport, findingsText, sumUp } from "./demo-findings.ts";
import { inspectFilesSource } from "./demo-source.ts";
import { Progress } from "../shell/progress.ts";

const fileLimit = 10_000;
/** Folders with many files on most machines, used if node_modules has too few. */
const systemFolders = [
  "/usr/share",
  "/usr/lib",
  "/usr/local",
  "/usr/include",
  "/System/Library/Fonts",
];

export class DemoCommand extends PdoflowCommand {
  static override paths = [["demo"]];
  static override usage = Command.Usage({
    description: "run a demo: inspect up to 10,000 files, one job per file",
    details: `
      Starts a temporary PostgreSQL, posts a job for each file in a folder, runs the jobs with one
      worker per CPU core, prints the results, and removes everything again. The default folder is
      node_modules, followed by system folders if it has fewer than 10,000 files. Your own queue is
      not touched.
    `,
    examples: [["Inspect your own files", "$0 demo ~/data"]],
  });
  folder = Option.String({ name: "folder", required: false });

  async run() {
    const { context } = this;
    const folders = this.#folders();
    const data = join(tmpdir(), `pdoflow-demo-${crypto.randomUUID()}`);
    const root = mkdtempSync(join(tmpdir(), "pdoflow-demo-root-"));
    writeFileSync(join(root, "inspect-files.ts"), inspectFilesSource);
    const paths = serverPaths({ ...context, env: { PDOFLOW_DATA: data } });
    try {
      const address = await ensureServer(paths, {
        onProgress: (sentence) => this.say(`demo: ${sentence}`),
      });
      await using db = connect(embeddedTarget(address, "pdoflow"), { connections: 1 });
      await migrate(db);
      return await this.#inspect(db, root, folders);
    } finally {
      await stopServer(paths);
      for (const made of [root, data, paths.socketFolder])
        rmSync(made, { recursive: true, force: true });
    }
  }

  #folders(): [string, ...string[]] {
    const { cwd } = this.context;
    if (this.folder !== undefined) return [resolve(cwd, this.folder)];
    const [first = cwd, ...more] = [resolve(cwd, "node_modules"), ...systemFolders].filter(
      (folder) => existsSync(folder),
    );
    return [first, ...more];
  }

  async #inspect(db: Db, root: string, folders: readonly [string, ...string[]]) {
    const { context } = this;
    const entryPoint = "inspect-files.ts#inspectFile";
    const { id, jobCount } = await insertPosting(
      db,
      { entryPoint, priority: 0, osUser: context.osUser() },
      jobsOf(folders),
      folders.join(", "),
    );
    this.say(
      `demo: posted ${jobCount.toLocaleString("en")} jobs of ${entryPoint}, one for each file in ` +
        `${folders.join(", ")}; running them in ${context.cores} worker processes`,
    );
    const startedAt = performance.now();
    const { failed } = await this.#work(db, root, id, jobCount);
    const seconds = (performance.now() - startedAt) / 1000;
    this.print(findingsText(sumUp(await readReports(db, id)), folders[0]));
    this.print(
      `\n${jobCount.toLocaleString("en")} jobs in ${seconds.toFixed(1)} s: ` +
        `${Math.round(jobCount / seconds).toLocaleString("en")} jobs/s, ` +
        "each with a recorded outcome",
    );
    return failed > 0 ? exitCodes.jobsFailed : exitCodes.ok;
  }

  async #work(db: Db, root: string, id: number, jobCount: number) {
    const { context } = this;
    const worker = { program: context.program, root, env: context.env };
    const pool = await Pool.start(db.target, {
      ...workerPool(context, context.cores, worker),
      once: true,
      log: (line) => this.say(`demo: ${line}`),
    });
    const progress = new Progress(this, "demo");
    const showing = setInterval(() => {
      readCounts(db, [id]).then(
        (counts) => {
          const ended = counts.get(id);
          if (ended) progress.show(`${ended.done + ended.failed} of ${jobCount} files`);
        },
        () => clearInterval(showing), // the pool's own statements report the error
      );
    }, 500);
    const ignore = context.onStopSignal(() => pool.kill());
    try {
      return await pool.finished();
    } finally {
      ignore();
      clearInterval(showing);
      progress.end();
    }
  }
}

/** One job for each of the first 10,000 files, folder after folder. */
async function* jobsOf(folders: readonly string[]): AsyncGenerator<JobBatch> {
  const batch = new JobBatcher();
  let left = fileLimit;
  for (const folder of folders) {
    for await (const path of listFiles(folder, left)) {
      const full = batch.add(encodeArgs([path]));
      left--;
      if (full) yield full;
    }
  }
  const rest = batch.take();
  if (rest) yield rest;
}

async function readReports(db: Db, id: number): Promise<FileReport[]> {
  const rows = await db.sql<{ result: unknown }[]>`
    select result from ${db.schema}.outcome
    where posting_id = ${id} and state = 'done' order by seq`;
  return rows.map(({ result }) => parse(FileReport, result, "result of a job"));
}
