// npm run bench: PDOFlow against graphile-worker, and by itself; see README.md.
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import type { Contender } from "./contender.ts";
import { graphile, node } from "./graphile.ts";
import { resultLines } from "./measure.ts";
import { oldSnapshot, oldSnapshotLines } from "./old-snapshot.ts";
import { pdoflow } from "./pdoflow.ts";
import { type BenchDatabase, type BenchServer, startServer } from "./server.ts";

const usage = `bun bench/run.ts [--case NAME] [--jobs N] [--rounds N] [--quick]
  --case    peers: beside graphile-worker, the default
            old-snapshot: while another transaction stays open
  --jobs    how many jobs are posted and drained in each round
            by default 100000, and for old-snapshot 300000
  --rounds  how many rounds, at least 3; by default 5, and for old-snapshot 10
  --quick   fewer jobs and rounds, less tuning`;

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

const cases: Record<string, (options: Options) => Promise<void>> = {
  peers,
  "old-snapshot": snapshots,
};

async function snapshots({ jobs, rounds, isQuick }: Options): Promise<void> {
  await using server = await startServer(say);
  const claims = isQuick ? 2_000 : 20_000;
  const asked = {
    claims,
    rounds: rounds ?? (isQuick ? 5 : 10),
    jobs: jobs ?? (isQuick ? 50_000 : 300_000),
  };
  const result = await oldSnapshot(server, asked, say);
  console.log([machine(), await serverSettings(server), ""].join("\n"));
  console.log(oldSnapshotLines(result).join("\n"));
}

async function peers(options: Options): Promise<void> {
  const { isQuick, jobs = isQuick ? 30_000 : 100_000, rounds = isQuick ? 3 : 5 } = options;
  const takes = isQuick ? 1 : 2;
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
  name: string;
  /** By default as many as the case asks for. */
  jobs: number | undefined;
  rounds: number | undefined;
  isQuick: boolean;
}

/** Null where help was asked for. */
function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      case: { type: "string", default: "peers" },
      jobs: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const { case: name, quick: isQuick } = values;
  const atLeast = (least: number, text: string | undefined, what: string) => {
    if (text === undefined) return undefined;
    if (Number.isInteger(Number(text)) && Number(text) >= least) return Number(text);
    throw new RangeError(`expected at least ${least} ${what}, found ${text}`);
  };
  const jobs = atLeast(1_000, values.jobs, "jobs");
  return { name, jobs, rounds: atLeast(3, values.rounds, "rounds"), isQuick };
}

/** Tries each setting, with fewer jobs, and keeps the fastest. */
async function tune<P, D>(
  server: BenchServer,
  database: BenchDatabase,
  contender: Contender<P, D>,
  { jobs, takes }: { jobs: number; takes: number },
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

function machine(): string {
  const load = loadavg().map((n) => n.toFixed(1));
  const cores = `${cpus().length} x ${cpus()[0]?.model}`;
  return `machine   ${cores}, Linux ${release()}, load ${load.join(" ")}`;
}

async function serverSettings(server: BenchServer): Promise<string> {
  const { server_version: version, ...settings } = await server.settings();
  const all = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return `server    PostgreSQL ${version}, ${all.join(", ")}`;
}

async function conditions<P1, D1, P2, D2>(
  server: BenchServer,
  a: Bench<P1, D1>,
  b: Bench<P2, D2>,
): Promise<string> {
  const nodeVersion = Bun.spawnSync([node, "--version"]).stdout.toString().trim();
  return [
    machine(),
    `versions  ${[a, b].map(({ contender: c }) => `${c.name} ${c.version}`).join(", ")}, ` +
      `Bun ${Bun.version}, Node ${nodeVersion}`,
    await serverSettings(server),
    ...[a, b].map(
      (c) => `tuned     ${c.contender.name}: ${JSON.stringify({ ...c.posting, ...c.draining })}`,
    ),
  ].join("\n");
}

const options = parseOptions();
const chosen = options && cases[options.name];
if (!options) console.log(usage);
else if (chosen) await chosen(options);
else throw new RangeError(`expected --case ${Object.keys(cases).join(" or ")}\n${usage}`);
