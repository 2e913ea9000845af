import { multiply } from "../multiply.ts";
import type { Bench, Case } from "../case.ts";
import { ContenderFailed, run } from "../contender.ts";
import { clock, spreadOf } from "../measure.ts";
import { binary, pdoflow, root } from "../pdoflow.ts";
import { perSecond } from "../peers.ts";
import type { Series } from "../result.ts";
import type { BenchDatabase } from "../server.ts";
import { tableBytes } from "../usage.ts";

const rounds = 3;
type Times = Map<string, number[]>;

export const hundredMillion: Case = {
  name: "hundred-million",
  what: "posts, drains, lists and prunes beside 100 million drained jobs, which are copies",
  target: "reported, beside an empty database",
  isLong: true,
  async run(bench) {
    const jobs = bench.size(100_000, 10_000);
    const copies = bench.size(1_000, 50);
    const database = await bench.server.database("hundred_million");
    const ours = await pdoflow(database, bench.cores);
    await ours.reset();
    const emptyBytes = await tableBytes(database);
    await ours.post(jobs, {});
    await ours.drain({ workers: bench.cores });
    const few = await measure(bench, database);
    const fillMs = await clock(() => multiply(database.db, 1, copies));
    bench.say(`hundred-million: ${copies} copies made in ${Math.round(fillMs / 1000)} s`);
    await bench.server.settle(database);
    const filledBytes = await tableBytes(database);
    const many = await measure(bench, database);
    await ours.verify(jobs * (1 + copies + 2 * rounds));
    const command = ["prune", "--older-than", "0s", "--yes", "--database", database.url];
    const pruneMs = await clock(() => run([binary, ...command], root));
    const prunedBytes = (await tableBytes(database)) - emptyBytes;
    await bench.server.drop(database);
    const seriesOf = (times: Times, where: string): Series[] =>
      [...times].map(([name, values]) => ({
        ...{ name: `${name}, ${where}`, values },
        unit: name.startsWith("drain") || name.startsWith("post") ? "jobs/s" : "ms",
      }));
    return {
      sizes: { "jobs a posting": jobs, copies, rounds },
      series: [
        ...seriesOf(few, "few"),
        ...seriesOf(many, "many"),
        { name: "prune of all", unit: "s", values: [pruneMs / 1000] },
      ],
      checks: [
        {
          ...{ name: "draining, many against few", unit: "x", bound: null },
          values: [medianOf(many, "drain") / medianOf(few, "drain")],
        },
        {
          ...{ name: "disk of a job", unit: "bytes", bound: { atMost: 25 } },
          values: [(filledBytes - emptyBytes) / jobs / (1 + copies + rounds)],
        },
        {
          ...{ name: "disk left after pruning", unit: "MB", bound: null },
          values: [prunedBytes / 1e6],
        },
      ],
      notes: [
        `few: beside ${1 + rounds} postings; many: beside ${copies + 1 + rounds} or more`,
        "commands are measured from start to exit",
      ],
    };
  },
};

const medianOf = (times: Times, name: string): number => spreadOf(times.get(name) ?? []).median;

/** Posting and draining as many jobs as a posting has, then what users look at. */
async function measure({ server, cores }: Bench, database: BenchDatabase): Promise<Times> {
  const times: Times = new Map();
  const add = (name: string, value: number) => {
    times.set(name, [...(times.get(name) ?? []), value]);
  };
  const ours = await pdoflow(database, cores);
  const [middle] = await database.db.sql<{ id: number; jobs: number }[]>`
    select id, job_count as jobs from pdoflow.posting
    order by id offset (select count(*) / 2 from pdoflow.posting) limit 1`;
  if (!middle) throw new ContenderFailed("expected postings, found none");
  const { jobs } = middle;
  for (let round = 1; round <= rounds; round++) {
    add("post", perSecond(jobs, await ours.post(jobs, {})));
    await server.settle(database);
    add("drain", perSecond(jobs, await clock(() => ours.drain({ workers: cores }))));
  }
  const id = String(middle.id);
  const commands = {
    ...{ list: ["list"], "list --all": ["list", "--all"], status: ["status"] },
    ...{ "status of one": ["status", id], "top --once": ["top", "--once"] },
    ...{ "jobs --limit 100": ["jobs", id, "--limit", "100"] },
    ...{ "explain of one job": ["explain", `${id}/${Math.floor(jobs / 2)}`] },
    "results of a posting": ["results", id],
  };
  for (let round = 1; round <= rounds; round++) {
    for (const [name, args] of Object.entries(commands)) {
      const command = [binary, ...args, "--database", database.url];
      add(name, await clock(() => run(command, root)));
    }
    const head = `'${binary}' results ${id} --database '${database.url}' | head -n 10`;
    add("results | head", await clock(() => run(["sh", "-c", head], root)));
  }
  return times;
}
