import type { Bench, Case } from "../case.ts";
import { pdoflow } from "../pdoflow.ts";
import type { Check } from "../result.ts";
import { drainMicros, serverMicros, tableBytes, walBytes } from "../usage.ts";

/** Enough for each worker to import the code and to run a chunk. */
const fewJobs = 1_000;
const figures = [
  ...(["diskPosted", "diskDrained", "walPosted", "walDrained"] as const),
  ...(["postingServer", "server", "pool", "workers", "cpu", "cpuWithoutStart"] as const),
];
/** What a job used, in bytes or microseconds. */
type Usage = Record<(typeof figures)[number], number>;

export const footprint: Case = {
  name: "footprint",
  what: "disk, write-ahead log and CPU time of a no-op job, by the end of its posting and after it",
  target: "15 bytes posted and 25 drained; 3 µs of CPU",
  async run(bench) {
    const jobs = bench.jobs(300_000, 60_000);
    const rounds = bench.rounds(5, 1);
    const found: Usage[] = [];
    for (let round = 1; round <= rounds; round++) {
      found.push(await measure(bench, jobs));
      bench.say(`footprint: round ${round} of ${rounds}`);
    }
    const of = (figure: keyof Usage) => found.map((usage) => usage[figure]);
    const bytes = (name: string, figure: keyof Usage, bound: Check["bound"]) =>
      ({ name, unit: "bytes", values: of(figure), bound }) as const;
    const micros = (name: string, figure: keyof Usage, bound: Check["bound"] = null) =>
      ({ name, unit: "µs", values: of(figure), bound }) as const;
    return {
      sizes: { jobs, rounds },
      series: [],
      checks: [
        bytes("disk, posted", "diskPosted", { atMost: 15 }),
        bytes("disk, drained", "diskDrained", { atMost: 25 }),
        bytes("log of posting", "walPosted", null),
        bytes("log of draining", "walDrained", null),
        micros("CPU of posting, server", "postingServer"),
        micros("CPU of draining", "cpu", { atMost: 3 }),
        micros("CPU of draining, server", "server"),
        micros("CPU of draining, pool", "pool"),
        micros("CPU of draining, workers", "workers"),
        micros("CPU of draining, without start", "cpuWithoutStart"),
      ],
      notes: [
        "disk: all tables and indexes of the schema, with the outcomes of jobs, less an empty one's",
        "the log has images of whole pages in it, once per page after each checkpoint",
        "CPU: of all processes of the server; of the pool and its workers, with start and end",
        `without start: less the CPU time of draining ${fewJobs.toLocaleString("en")} jobs`,
      ],
    };
  },
};

async function measure({ server, cores }: Bench, jobs: number): Promise<Usage> {
  const database = await server.database("footprint");
  const ours = await pdoflow(database, cores);
  /** Drains what is there, and returns what that took. */
  const drain = async () => {
    const before = await serverMicros(database);
    const processes = await drainMicros(database, cores);
    const micros = (await serverMicros(database)) - before;
    return { ...processes, server: micros, all: micros + processes.pool + processes.workers };
  };
  await ours.reset();
  await ours.post(fewJobs, {});
  const few = await drain();
  await ours.reset();
  const emptyBytes = await tableBytes(database);
  const walBefore = await walBytes(database);
  const microsBefore = await serverMicros(database);
  await ours.post(jobs, {});
  const postingMicros = (await serverMicros(database)) - microsBefore;
  const walPosted = (await walBytes(database)) - walBefore;
  const bytesPosted = (await tableBytes(database)) - emptyBytes;
  await server.settle(database);
  const walSettled = await walBytes(database);
  const took = await drain();
  const walDrained = (await walBytes(database)) - walSettled;
  const bytesDrained = (await tableBytes(database)) - emptyBytes;
  await ours.verify(jobs);
  await server.drop(database);
  return {
    ...{ diskPosted: bytesPosted / jobs, diskDrained: bytesDrained / jobs },
    ...{ walPosted: walPosted / jobs, walDrained: walDrained / jobs },
    ...{ postingServer: postingMicros / jobs, server: took.server / jobs },
    ...{ pool: took.pool / jobs, workers: took.workers / jobs, cpu: took.all / jobs },
    cpuWithoutStart: (took.all - few.all) / (jobs - fewJobs),
  };
}
