import { join } from "node:path";

import { migrate } from "../../src/db/admin/migrations.ts";
import type { Bench, Case } from "../case.ts";
import {
  callsPerSecond,
  type ClusterFigures,
  connections,
  type Size,
} from "../cluster/cluster-run.ts";
import { measureCosts } from "../cluster/costs.ts";
import { type Costs, simulate, type Simulated } from "../cluster/simulation.ts";
import { slotsAPool } from "../cluster/simulated-pools.ts";
import { dice, percentile } from "../measure.ts";
import type { Findings, Series, Unit } from "../result.ts";

const minuteMs = 60_000;
const phaseMs = 10_000;

const sizes: readonly Size[] = [1, 10, 100, 1_000].map((pools) => ({
  ...{ pools, phaseMs, heartbeatTimeoutMs: 15_000, jobMs: minuteMs },
}));
/** Its heartbeats are rarer, and its jobs longer: docs/scale.md explains why. */
const largest: Size = {
  ...{ pools: 10_000, phaseMs, heartbeatTimeoutMs: minuteMs, jobMs: 10 * minuteMs },
};

interface Measured {
  size: Size;
  figures: ClusterFigures;
  costs: Costs;
  simulated: Simulated;
}

const what = "pools of 16 slots, in one process on shared connections, on one server";

export const cluster: Case = {
  name: "cluster",
  what: `1 to 1,000 ${what}`,
  target: "with 1,000 pools, a claim is answered within 20 ms",
  isLong: true,
  async run(bench) {
    const found: Measured[] = [];
    const absent: Record<string, string> = {};
    const wanted = bench.isQuick ? sizes.slice(0, 2) : sizes;
    for (const size of wanted) {
      try {
        found.push(await measure(bench, size));
      } catch (error) {
        absent[`${size.pools} pools`] = String(error); // the other sizes have figures all the same
      }
    }
    const most = wanted.at(-1)?.pools ?? 0;
    const claim = found.find(({ size }) => size.pools === most)?.figures.busy.calls["pool_claim"];
    const pools = most.toLocaleString("en");
    return {
      ...findings(found),
      absent,
      checks: [
        {
          ...{ name: `a claim with ${pools} pools, median`, unit: "ms", bound: { below: 20 } },
          values: [claim?.p50Ms ?? Number.NaN],
        },
        {
          ...{ name: `a claim with ${pools} pools, p99`, unit: "ms", bound: null },
          values: [claim?.p99Ms ?? Number.NaN],
        },
      ],
    };
  },
};

export const clusterLargest: Case = {
  name: "cluster-largest",
  what: `10,000 ${what}; a heartbeat every 20 s, jobs of ten minutes`,
  target: "only reported",
  isLong: true,
  async run(bench) {
    return { ...findings([await measure(bench, largest)]), checks: [] };
  },
};

async function measure({ server, say }: Bench, size: Size): Promise<Measured> {
  const database = await server.database(`cluster_${size.pools}`);
  await migrate(database.db);
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "../cluster/cluster-process.ts"),
      database.url,
      JSON.stringify(size),
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`the process with ${size.pools} pools ended with code ${code}`);
  const figures = JSON.parse(text) as ClusterFigures;
  await server.drop(database);
  const costs = await measureCosts(server, size.pools);
  const simulated = simulate(
    costs,
    {
      ...{ pools: size.pools, cores: 2, housekeepers: 8, pollsPerSecond: 0, seconds: 20 },
      heartbeatMs: size.heartbeatTimeoutMs / 3,
      jobsPerSecond: (size.pools * slotsAPool * 1_000) / size.jobMs,
    },
    dice(size.pools),
  );
  say(`cluster: ${size.pools} pools were measured`);
  return { size, figures, costs, simulated };
}

function findings(found: readonly Measured[]): Omit<Findings, "checks"> {
  const lines = [
    ["measured, median", ({ figures }: Measured) => figures.busy.calls["pool_claim"]?.p50Ms],
    ["measured, p99", ({ figures }: Measured) => figures.busy.calls["pool_claim"]?.p99Ms],
    ["simulated, median", ({ simulated }: Measured) => percentile(simulated.claimMs, 0.5)],
    ["simulated, p99", ({ simulated }: Measured) => percentile(simulated.claimMs, 0.99)],
  ] as const;
  return {
    sizes: { "slots a pool": slotsAPool, connections, rounds: 1 },
    series: found.flatMap(seriesOf),
    curves: [
      {
        ...{ title: "A claim, by the number of pools", xTitle: "pools", unit: "ms" },
        xs: found.map(({ size }) => size.pools),
        lines: lines.map(([name, of]) => ({ name, ys: found.map((one) => of(one) ?? Number.NaN) })),
      },
    ],
    notes: [
      `real pools in one process; their statements share ${connections} connections, as of a pooler`,
      "jobs sleep; the first ones end at any time, so that claims are spread",
      "the process with the pools runs on the same cores as the server",
      "simulated: the costs of statements on one connection, two cores, one lane",
    ],
  };
}

function seriesOf({ size, figures, costs, simulated }: Measured): Series[] {
  const { idle, busy, herd, startSeconds } = figures;
  const one = (name: string, unit: Unit, ...values: readonly number[]): Series => ({
    ...{ name: `${size.pools}: ${name}`, unit, values },
  });
  const times = (["claim", "heartbeat", "record"] as const).flatMap((name) => {
    const calls = busy.calls[`pool_${name}`];
    return [
      one(`${name}, median`, "ms", calls?.p50Ms ?? Number.NaN),
      one(`${name}, p99`, "ms", calls?.p99Ms ?? Number.NaN),
    ];
  });
  return [
    ...times,
    one("claim, simulated, median", "ms", percentile(simulated.claimMs, 0.5)),
    one("claim, simulated, p99", "ms", percentile(simulated.claimMs, 0.99)),
    one("statements, idle", "per second", callsPerSecond(idle)),
    one("statements, busy", "per second", callsPerSecond(busy)),
    one("server, idle", "cores", idle.serverCores),
    one("server, busy", "cores", busy.serverCores),
    one("server, simulated", "cores", simulated.busy * 2),
    one("process with the pools, busy", "cores", busy.driverCores),
    one("claims after a job was posted", "count", ...herd.map(({ claims }) => claims)),
    one("start of a posted job", "ms", ...herd.map(({ startMs }) => startMs)),
    one("start of all pools", "s", startSeconds),
    ...Object.entries(costs).map(([name, ms]) => one(`cost of ${name}`, "ms", ms)),
  ];
}
