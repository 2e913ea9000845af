import { rmSync } from "node:fs";
import { join } from "node:path";

import type { Db } from "../../src/db/connection/connect.ts";
import type { Case } from "../case.ts";
import { ContenderFailed } from "../contender.ts";
import { ratios } from "../measure.ts";
import { binary, pdoflow, root } from "../pdoflow.ts";
import { perSecond } from "../peers.ts";
import { childrenOf, megabytes } from "../rig.ts";
import type { BenchDatabase } from "../server.ts";

const lookEveryMs = 25;

export const postFile: Case = {
  name: "post-file",
  what: "`pdoflow post` of an NDJSON file",
  target: "over half of the rate of the library; under 300 MB resident; flat",
  async run(bench) {
    const few = bench.size(1_000_000, 100_000);
    const many = bench.size(10_000_000, 500_000);
    const rounds = bench.rounds(5, 2);
    const database = await bench.server.database("post_file");
    const ours = await pdoflow(database, bench.cores);
    const file = join(bench.server.folder, "jobs.ndjson");
    const fromFile: number[] = [];
    const byLibrary: number[] = [];
    await writeLines(file, few);
    for (let round = 1; round <= rounds; round++) {
      await ours.reset();
      byLibrary.push(perSecond(few, await ours.post(few, {})));
      await ours.reset();
      fromFile.push(perSecond(few, (await postLines(database, file, few)).ms));
      bench.say(`post-file: round ${round} of ${rounds}`);
    }
    await writeLines(file, many);
    await ours.reset();
    const long = await postLines(database, file, many);
    rmSync(file);
    await bench.server.drop(database);
    const tenth = many / 10;
    const [first, last] = [perSecond(tenth, long.firstMs), perSecond(tenth, long.lastMs)];
    return {
      sizes: { "lines a round": few, "lines of the long file": many, rounds },
      series: [
        { name: "pdoflow post", unit: "jobs/s", values: fromFile },
        { name: "library on Bun", unit: "jobs/s", values: byLibrary },
        { name: "long file", unit: "jobs/s", values: [perSecond(many, long.ms)] },
        { name: "long file, its first tenth", unit: "jobs/s", values: [first] },
        { name: "long file, its last tenth", unit: "jobs/s", values: [last] },
      ],
      checks: [
        {
          ...{ name: "against the library", unit: "x", bound: { atLeast: 0.5 } },
          values: ratios(fromFile, byLibrary),
        },
        {
          ...{ name: "long file: most memory", unit: "MB", bound: { below: 300 } },
          values: [long.peakMb],
        },
        {
          ...{ name: "long file: last tenth against first", unit: "x", bound: { atLeast: 0.8 } },
          values: [last / first],
        },
      ],
      notes: [
        "start and end of the command are in its time; memory is VmHWM with that of its children",
        "tenths are measured by the size of the table; the last one includes the commit",
      ],
    };
  },
};

/** Lines of the same length, so that the size of the table tells how many are in it. */
async function writeLines(file: string, count: number): Promise<void> {
  const writer = Bun.file(file).writer({ highWaterMark: 2 ** 20 });
  for (let i = 0; i < count; i++) {
    const n = 10_000_000 + i;
    void writer.write(`[${n},${n}.5,"file-${n}.txt"]\n`); // flush waits for it
    if (i % 100_000 === 0) await writer.flush();
  }
  await writer.end();
}

interface Posted {
  ms: number;
  /** How long the first and the last tenth of the rows took. */
  firstMs: number;
  lastMs: number;
  peakMb: number;
}

async function postLines({ db, url }: BenchDatabase, file: string, count: number): Promise<Posted> {
  const startedAt = performance.now();
  const child = Bun.spawn([binary, "post", "jobs.ts#noop", file, "--database", url], {
    ...{ cwd: root, stdio: ["ignore", "ignore", "pipe"] },
  });
  const growth: { at: number; bytes: number }[] = [];
  const peaks = new Map<number, number>();
  while (child.exitCode === null) {
    for (const pid of [child.pid, ...childrenOf(child.pid)]) {
      peaks.set(pid, Math.max(peaks.get(pid) ?? 0, megabytes(pid, "status", "VmHWM")));
    }
    growth.push({ bytes: await tableBytes(db), at: performance.now() });
    await Promise.race([child.exited, Bun.sleep(lookEveryMs)]);
  }
  const endedAt = performance.now();
  if (child.exitCode !== 0) throw new ContenderFailed(await child.stderr.text());
  const [row] = await db.sql<
    { jobs: number }[]
  >`select sum(job_count) as jobs from pdoflow.posting`;
  if (row?.jobs !== count) throw new ContenderFailed(`expected ${count} jobs, found ${row?.jobs}`);
  const all = await tableBytes(db);
  const reached = (share: number) => growth.find(({ bytes }) => bytes > all * share)?.at ?? endedAt;
  return {
    ms: endedAt - startedAt,
    firstMs: reached(0.1) - reached(0),
    lastMs: endedAt - reached(0.9),
    peakMb: [...peaks.values()].reduce((sum, mb) => sum + mb, 0),
  };
}

async function tableBytes({ sql }: Db): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select sum(pg_relation_size(jobs))::double precision as bytes from pdoflow.span`;
  return row?.bytes ?? 0;
}
