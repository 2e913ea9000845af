import { tmpdir } from "node:os";
import { join } from "node:path";

import { tracedJobs } from "../../src/domain/trace-sampler.ts";
import type { Bench, Case } from "../case.ts";
import { percentile } from "../measure.ts";
import { pdoflow } from "../pdoflow.ts";
import { drainMicros, serverMicros } from "../usage.ts";

/**
 * Far more than usual, and divided by it: what is usual costs less than what this machine's other
 * work adds to the time of a run.
 */
const modes = {
  off: { scrapesPerSecond: 0, share: null },
  "50 scrapes a second": { scrapesPerSecond: 50, share: null },
  "1 of 10 jobs traced": { scrapesPerSecond: 0, share: 0.1 },
} as const;
type Mode = keyof typeof modes;
const modeNames = Object.keys(modes) as Mode[];

/** The share that pools trace by default. */
const usualShare = 0.001;
/** Prometheus scrapes every 15 seconds by default; we count with many more. */
const usualScrapesPerSecond = 1;
/** Enough for each worker to import the code and to run a chunk. */
const fewJobs = 1_000;

/** What a drain took. */
interface Drained {
  /** CPU time of the server, the pool and its workers. */
  micros: number;
  seconds: number;
  scrapes: number;
}

export const observed: Case = {
  name: "observed",
  what: "CPU time of no-op jobs with a health port that is scraped, and with traces",
  target: "within 2 % of a pool that nobody observes",
  async run(bench) {
    const jobs = bench.jobs(500_000, 60_000);
    const rounds = bench.rounds(9, 2);
    const found: Record<Mode, Drained[]> = {
      ...{ off: [], "50 scrapes a second": [], "1 of 10 jobs traced": [] },
    };
    for (let round = 0; round < rounds; round++) {
      // In turns, each first as often: whatever else the machine does slows all of a round.
      for (let turn = 0; turn < modeNames.length; turn++) {
        const mode = modeNames[(round + turn) % modeNames.length] ?? "off";
        found[mode].push(await drainMost(bench, jobs, mode));
      }
      bench.say(`observed: round ${round + 1} of ${rounds}`);
    }
    const { off } = found;
    const scrapeMs = extraOf(found["50 scrapes a second"], off, ({ scrapes }) => scrapes * 1_000);
    const spanMicros = extraOf(found["1 of 10 jobs traced"], off, () => jobs * 0.1);
    const choiceNanos = nanosToChoose();
    // Of all rounds: the two are differences of noisy times.
    const [scrape, span] = [percentile(scrapeMs, 0.5), percentile(spanMicros, 0.5)];
    const usual = off.map(({ micros, seconds }) => {
      const scrapes = scrape * 1_000 * seconds * usualScrapesPerSecond;
      return 1 + (scrapes + jobs * (span * usualShare + choiceNanos / 1_000)) / micros;
    });
    return {
      sizes: { jobs, rounds },
      series: [
        ...modeNames.map((mode) => ({
          ...{ name: `CPU of a job, ${mode}`, unit: "µs" as const },
          values: found[mode].map(({ micros }) => micros / jobs),
        })),
        { name: "CPU of a scrape", unit: "ms", values: scrapeMs },
        { name: "CPU of a span", unit: "µs", values: spanMicros },
        { name: "CPU to choose whether a job is traced", unit: "µs", values: [choiceNanos / 1e3] },
      ],
      checks: [
        {
          ...{ name: "CPU with a scrape each second and the usual traces", unit: "x" },
          ...{ values: usual, bound: { atMost: 1.02 } },
        },
      ],
      notes: [
        "CPU: of the server, the pool and its workers; not of the scraper and the collector",
        "without the start: the CPU time of draining 1,000 jobs is subtracted",
        "a scrape and a span: what the run took more than that without them, divided by their number",
      ],
    };
  },
};

/** By round: the CPU time beyond that of `off`, for each of the things that were counted. */
const extraOf = (
  found: readonly Drained[],
  off: readonly Drained[],
  count: (drained: Drained) => number,
): number[] =>
  found.map((drained, round) => (drained.micros - (off[round]?.micros ?? 0)) / count(drained));

/** Of the sampler that decides about each job. */
function nanosToChoose(): number {
  const calls = 10_000_000;
  const posting = { posting: 123_456, traceparent: null, isAlone: false, isFailure: false };
  const isTraced = tracedJobs(posting, {
    ...{ share: usualShare, heedsParent: true, keepsNotable: true },
  });
  let traced = 0;
  const startedAt = performance.now();
  for (let index = 0; index < calls; index++) if (isTraced(index)) traced++;
  const nanos = ((performance.now() - startedAt) * 1e6) / calls;
  if (traced === 0) throw new Error("expected some traced jobs");
  return nanos;
}

/** Drains a queue, without the cost of the start. */
async function drainMost(bench: Bench, jobs: number, mode: Mode): Promise<Drained> {
  const few = await drain(bench, fewJobs, mode);
  const all = await drain(bench, jobs + fewJobs, mode);
  return {
    micros: all.micros - few.micros,
    seconds: all.seconds - few.seconds,
    scrapes: all.scrapes - few.scrapes,
  };
}

async function drain({ server, cores }: Bench, jobs: number, mode: Mode): Promise<Drained> {
  const database = await server.database("observed");
  const ours = await pdoflow(database, cores);
  await ours.reset();
  await ours.post(jobs, {});
  await server.settle(database);
  await using watchers = watch(mode);
  const before = await serverMicros(database);
  const startedAt = performance.now();
  const { pool, workers } = await drainMicros(database, cores, watchers.options);
  const seconds = (performance.now() - startedAt) / 1_000;
  const micros = (await serverMicros(database)) - before + pool + workers;
  const { scrapes, requests } = watchers;
  await ours.verify(jobs);
  if (jobs > fewJobs) verify(mode, scrapes, requests);
  await server.drop(database);
  return { micros, seconds, scrapes };
}

/** @throws if nothing was observed. */
function verify(mode: Mode, scrapes: number, requests: number): void {
  const { scrapesPerSecond, share } = modes[mode];
  if (scrapesPerSecond > 0 && scrapes < 10) throw new Error("expected the pool to be scraped");
  if (share !== null && requests === 0) throw new Error("expected spans");
}

/** Scrapes a pool, and takes its spans. */
function watch(mode: Mode) {
  const { scrapesPerSecond, share } = modes[mode];
  const socket = join(tmpdir(), `pdoflow-bench-${crypto.randomUUID()}`);
  const counts = { scrapes: 0, requests: 0 };
  const scrape = async () => {
    const reply = await fetch("http://localhost/metrics", { unix: socket }).catch(() => null);
    if ((await reply?.text())?.includes("pdoflow_pool_attempts_total")) counts.scrapes++;
  };
  const timer =
    scrapesPerSecond > 0 ? setInterval(() => void scrape(), 1_000 / scrapesPerSecond) : undefined;
  const collector = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    async fetch(request) {
      await request.arrayBuffer();
      counts.requests++;
      return Response.json({});
    },
  });
  const otlp = [
    "--otlp",
    `http://127.0.0.1:${collector.port}`,
    "--trace-share",
    `${(share ?? 0) * 100}%`,
  ];
  return {
    options: [
      ...(scrapesPerSecond > 0 ? ["--health", socket] : []),
      ...(share === null ? [] : otlp),
    ],
    get scrapes() {
      return counts.scrapes;
    },
    get requests() {
      return counts.requests;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await collector.stop(true);
    },
  };
}
