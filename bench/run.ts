// npm run bench: PDOFlow against graphile-worker, see README.md.
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import type { Contender } from "./contender.ts";
import { graphile, node } from "./graphile.ts";
import { resultLines } from "./measure.ts";
import { pdoflow } from "./pdoflow.ts";
import { type BenchDatabase, type BenchServer, startServer } from "./server.ts";

const usage = `bun bench/run.ts [--jobs N] [--rounds N] [--quick]
  --jobs    how many jobs are posted and drained in each round; default 100000
  --rounds  how many rounds, each of both in turn; at least 3; default 5
  --quick   30000 jobs, 3 rounds, less tuning`;

/** A contender with its database, the best settings found, and what it reached in each round. */
interface Bench<P, D> {
  contender: Contender<P, D>;
  database: BenchDatabase;
  posting: P;
  draining: D;
  post: number[];
  drain: number[];
}

const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

async function main({ jobs, rounds, takes }: Options): Promise<void> {
  await using server = await startServer(say);
  const ours = await server.database("bench_pdoflow");
  const theirs = await server.database("bench_graphile");
  const a = await tune(server, ours, await pdoflow(ours, cpus().length), { jobs, takes });
  const b = await tune(server, theirs, await graphile(theirs), { jobs, takes });
  for (let round = 1; round <= rounds; round++) {
    await measure(server, a, jobs);
    await measure(server, b, jobs);
    const last = (rates: number[]) => Math.round(rates.at(-1) ?? 0);
    say(
      `round ${round} of ${rounds}, jobs/s: ` +
        [a, b]
          .map((c) => `${c.contender.name} post ${last(c.post)} drain ${last(c.drain)}`)
          .join(", "),
    );
  }
  console.log(await conditions(server, a, b));
  console.log(`\n${jobs.toLocaleString("en")} jobs, ${rounds} rounds, in turn; jobs/s`);
  console.log(`${" ".repeat(25)}${["median", "min", "max"].map((h) => h.padStart(11)).join("")}`);
  for (const what of ["post", "drain"] as const) {
    const series = <P, D>(c: Bench<P, D>) => ({ name: c.contender.name, rates: c[what] });
    console.log(resultLines(what, series(a), series(b)).join("\n"));
  }
}

interface Options {
  jobs: number;
  rounds: number;
  /** How often each setting is tried; the best counts, as something else may slow one down. */
  takes: number;
}

/** Null where help was asked for. */
function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      jobs: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const jobs = Number(values.jobs ?? (values.quick ? 30_000 : 100_000));
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  if (Number.isInteger(jobs) && jobs >= 1000 && Number.isInteger(rounds) && rounds >= 3) {
    return { jobs, rounds, takes: values.quick ? 1 : 2 };
  }
  throw new RangeError(`expected at least 1000 jobs and 3 rounds, found ${jobs} and ${rounds}`);
}

/** Tries each setting, with fewer jobs, and keeps the fastest. */
async function tune<P, D>(
  server: BenchServer,
  database: BenchDatabase,
  contender: Contender<P, D>,
  { jobs, takes }: Omit<Options, "rounds">,
): Promise<Bench<P, D>> {
  const some = Math.ceil(jobs / 2);
  const posting = await fastest(contender, takes, contender.postSettings, async (setting) => {
    await contender.reset();
    return await contender.post(some, setting);
  });
  const draining = await fastest(contender, takes, contender.drainSettings, async (setting) => {
    await contender.reset();
    await contender.post(some, posting);
    await server.settle(database);
    const ms = await clock(() => contender.drain(setting));
    await contender.verify(some);
    return ms;
  });
  return { contender, database, posting, draining, post: [], drain: [] };
}

async function fastest<S, P, D>(
  { name }: Contender<P, D>,
  takes: number,
  settings: readonly S[],
  take: (setting: S) => Promise<number>,
): Promise<S> {
  const tried: { setting: S; ms: number }[] = [];
  for (const setting of settings) {
    let ms = Infinity;
    for (let i = 0; i < takes; i++) ms = Math.min(ms, await take(setting));
    say(`tuning ${name}: ${JSON.stringify(setting)} ${Math.round(ms)} ms`);
    tried.push({ setting, ms });
  }
  const best = tried.toSorted((a, b) => a.ms - b.ms)[0];
  if (!best) throw new Error("expected a setting to try");
  return best.setting;
}

/**
 * One round. What its processes take to start and end with an empty queue is not counted, for
 * either of them.
 */
async function measure<P, D>(server: BenchServer, bench: Bench<P, D>, jobs: number): Promise<void> {
  const { contender, database, posting, draining } = bench;
  await contender.reset();
  const emptyMs = await clock(() => contender.drain(draining));
  await server.settle(database);
  bench.post.push((jobs / (await contender.post(jobs, posting))) * 1000);
  await server.settle(database);
  const ms = await clock(() => contender.drain(draining));
  await contender.verify(jobs);
  bench.drain.push((jobs / (ms - emptyMs)) * 1000);
}

async function clock(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function conditions<P1, D1, P2, D2>(
  server: BenchServer,
  a: Bench<P1, D1>,
  b: Bench<P2, D2>,
): Promise<string> {
  const { server_version: postgres, ...settings } = await server.settings();
  const nodeVersion = Bun.spawnSync([node, "--version"]).stdout.toString().trim();
  const load = loadavg().map((n) => n.toFixed(1));
  return [
    `machine   ${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, load ${load.join(" ")}`,
    `versions  ${[a, b].map(({ contender: c }) => `${c.name} ${c.version}`).join(", ")}, ` +
      `Bun ${Bun.version}, Node ${nodeVersion}, PostgreSQL ${postgres}`,
    `server    ${Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
    ...[a, b].map(
      (c) => `tuned     ${c.contender.name}: ${JSON.stringify({ ...c.posting, ...c.draining })}`,
    ),
  ].join("\n");
}

const options = parseOptions();
if (options) await main(options);
else console.log(usage);
