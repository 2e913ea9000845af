import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Bench, Case } from "../case.ts";
import { ratios } from "../measure.ts";
import { pdoflow } from "../pdoflow.ts";
import { drainMicros, serverMicros } from "../usage.ts";

const modes = ["off", "metrics", "metrics and traces"] as const;
type Mode = (typeof modes)[number];

const scrapeEveryMs = 1_000;
/** Enough for each worker to import the code and to run a chunk. */
const fewJobs = 1_000;

export const observed: Case = {
  name: "observed",
  what: "CPU time of a no-op job with a health port that is scraped each second, and with traces",
  target: "within 2 % of a pool that nobody observes",
  async run(bench) {
    const jobs = bench.jobs(500_000, 60_000);
    const rounds = bench.rounds(7, 2);
    const micros: Record<Mode, number[]> = { off: [], metrics: [], "metrics and traces": [] };
    const starts: Record<Mode, number[]> = { off: [], metrics: [], "metrics and traces": [] };
    for (let round = 0; round < rounds; round++) {
      // In turns, each first as often: whatever else the machine does slows all of a round.
      for (let turn = 0; turn < modes.length; turn++) {
        const mode = modes[(round + turn) % modes.length] ?? "off";
        const few = await drain(bench, fewJobs, mode);
        const all = await drain(bench, jobs, mode);
        starts[mode].push(few / 1_000);
        micros[mode].push((all - few) / (jobs - fewJobs));
      }
      bench.say(`observed: round ${round + 1} of ${rounds}`);
    }
    const ratio = (mode: Mode) =>
      ({
        name: `CPU with ${mode}`,
        unit: "x",
        values: ratios(micros[mode], micros.off),
        bound: { atMost: 1.02 },
      }) as const;
    return {
      sizes: { jobs, rounds },
      series: modes.flatMap((mode) => [
        { name: `CPU of a job, ${mode}`, unit: "µs", values: micros[mode] } as const,
        { name: `CPU of the start, ${mode}`, unit: "ms", values: starts[mode] } as const,
      ]),
      checks: [ratio("metrics"), ratio("metrics and traces")],
      notes: [
        "CPU: of the server, the pool and its workers; not of the scraper and the collector",
        `start: the CPU time of draining ${fewJobs.toLocaleString("en")} jobs, which that of a job lacks`,
        "traces: the share that pools send by default, to a collector that takes them",
      ],
    };
  },
};

/** Drains a queue; returns the CPU time of the server, the pool and its workers. */
async function drain({ server, cores }: Bench, jobs: number, mode: Mode): Promise<number> {
  const database = await server.database("observed");
  const ours = await pdoflow(database, cores);
  await ours.reset();
  await ours.post(jobs, {});
  await server.settle(database);
  await using watchers = mode === "off" ? null : watch(mode === "metrics and traces");
  const before = await serverMicros(database);
  const { pool, workers } = await drainMicros(database, cores, watchers?.options ?? []);
  const micros = (await serverMicros(database)) - before + pool + workers;
  await ours.verify(jobs);
  if (jobs > fewJobs) watchers?.verify();
  await server.drop(database);
  return micros;
}

/** Scrapes a pool each second, and takes its spans. */
function watch(isTraced: boolean) {
  const socket = join(tmpdir(), `pdoflow-bench-${crypto.randomUUID()}`);
  let [scrapes, requests] = [0, 0];
  const scrape = async () => {
    const reply = await fetch("http://localhost/metrics", { unix: socket }).catch(() => null);
    if ((await reply?.text())?.includes("pdoflow_pool_attempts_total")) scrapes++;
  };
  // The first time soon: the pool lives for a few seconds.
  const first = setTimeout(() => void scrape(), scrapeEveryMs / 2);
  const timer = setInterval(() => void scrape(), scrapeEveryMs);
  const collector = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    async fetch(request) {
      await request.arrayBuffer();
      requests++;
      return Response.json({});
    },
  });
  const otlp = ["--otlp", `http://127.0.0.1:${collector.port}`];
  return {
    options: ["--health", socket, ...(isTraced ? otlp : [])],
    /** @throws if nothing was observed. */
    verify() {
      if (scrapes === 0) throw new Error("expected the pool to be scraped");
      if (isTraced && requests === 0) throw new Error("expected spans");
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(first);
      clearInterval(timer);
      await collector.stop(true);
    },
  };
}
