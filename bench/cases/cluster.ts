import { join } from "node:path";

import { migrate } from "../../src/db/admin/migrations.ts";
import { messageOf } from "../../src/domain/errors.ts";
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
import type { BenchServer } from "../server.ts";
import type { Findings, Series, Unit } from "../result.ts";

const minuteMs = 60_000;
const phaseMs = 8_000;

const sizes: readonly Size[] = [1, 10, 100, 1_000].map((pools) => ({
  ...{ pools, phaseMs, heartbeatTimeoutMs: 15_000, jobMs: minuteMs },
}));
/** Its heartbeats are rarer, and its jobs longer: docs/scale.md explains why. */
const largest: Size = {
  ...{ pools: 10_000, phaseMs, heartbeatTimeoutMs: minuteMs, jobMs: 10 * minuteMs },
};

interface Measured {
  size: Size;
  /** Null if the machine could not run it, because of `failure`. */
  figures: ClusterFigures | null;
  failure: string | null;
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
    for (const size of bench.isQuick ? sizes.slice(0, 2) : sizes) {
      found.push(await measure(bench, size));
    }
    const last = found.at(-1);
    const claim = last?.figures?.busy.calls["pool_claim"];
    const pools = (last?.size.pools ?? 0).toLocaleString("en");
    const simulated = percentile(last?.simulated.claimMs ?? [], 0.99);
    return {
      ...findings(found),
      checks: [
        {
          ...{ name: `a claim with ${pools} pools, median`, unit: "ms", bound: { below: 20 } },
          values: [claim?.p50Ms ?? Number.NaN],
        },
        {
          ...{ name: `a claim with ${pools} pools, p99`, unit: "ms", bound: null },
          values: [claim?.p99Ms ?? Number.NaN],
        },
        {
          ...{ name: `a claim with ${pools} pools, simulated, p99`, unit: "ms" },
          ...{ bound: { below: 20 }, values: [simulated] },
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
    const found = await measure(bench, largest);
    return { ...findings([found]), checks: [] };
  },
};

async function measure({ server, say }: Bench, size: Size): Promise<Measured> {
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
  const known = { size, costs, simulated };
  try {
    const figures = await runPools(server, size);
    say(`cluster: ${size.pools} pools were measured`);
    return { ...known, figures, failure: null };
  } catch (error) {
    say(`cluster: ${size.pools} pools: ${messageOf(error)}`); // the rest has figures all the same
    return { ...known, figures: null, failure: messageOf(error) };
  }
}

/** Runs the pools in a process of their own. */
async function runPools(server: BenchServer, size: Size): Promise<ClusterFigures> {
  const database = await server.database(`cluster_${size.pools}`);
  try {
    await migrate(database.db);
    const program = join(import.meta.dir, "../cluster/cluster-process.ts");
    const command = [process.execPath, program, database.url, JSON.stringify(size)];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    const [text, log, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(/^error: (.*)$/m.exec(log)?.[1] ?? `exit code ${code}`);
    return JSON.parse(text) as ClusterFigures;
  } finally {
    await server.drop(database);
  }
}

function findings(found: readonly Measured[]): Omit<Findings, "checks"> {
  const lines = [
    ["measured, median", ({ figures }: Measured) => figures?.busy.calls["pool_claim"]?.p50Ms],
    ["measured, p99", ({ figures }: Measured) => figures?.busy.calls["pool_claim"]?.p99Ms],
    ["simulated, median", ({ simulated }: Measured) => percentile(simulated.claimMs, 0.5)],
    ["simulated, p99", ({ simulated }: Measured) => percentile(simulated.claimMs, 0.99)],
  ] as const;
  return {
    sizes: { "slots a pool": slotsAPool, connections, rounds: 1 },
    series: found.flatMap(seriesOf),
    absent: Object.fromEntries(
      found.flatMap(({ size, failure }) =>
        failure === null ? [] : [[`${size.pools} pools`, failure]],
      ),
    ),
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
  const one = (name: string, unit: Unit, ...values: readonly number[]): Series => ({
    ...{ name: `${size.pools}: ${name}`, unit, values },
  });
  return [
    ...(figures ? measuredOf(figures, one) : []),
    one("claim, simulated, median", "ms", percentile(simulated.claimMs, 0.5)),
    one("claim, simulated, p99", "ms", percentile(simulated.claimMs, 0.99)),
    one("server, simulated", "cores", simulated.busy * 2),
    ...Object.entries(costs).map(([name, ms]) => one(`cost of ${name}`, "ms", ms)),
  ];
}

type One = (name: string, unit: Unit, ...values: readonly number[]) => Series;

function measuredOf(
  { idle, busy, herd, startSeconds, slotsInUse }: ClusterFigures,
  one: One,
): Series[] {
  const times = (["claim", "heartbeat", "record"] as const).flatMap((name) => {
    const calls = busy.calls[`pool_${name}`];
    return [
      one(`${name}, median`, "ms", calls?.p50Ms ?? Number.NaN),
      one(`${name}, p99`, "ms", calls?.p99Ms ?? Number.NaN),
    ];
  });
  return [
    ...times,
    one("slots in use", "%", slotsInUse),
    one("statements, idle", "per second", callsPerSecond(idle)),
    one("statements, busy", "per second", callsPerSecond(busy)),
    one("server, idle", "cores", idle.serverCores),
    one("server, busy", "cores", busy.serverCores),
    one("process with the pools, busy", "cores", busy.driverCores),
    one("claims after a job was posted", "count", ...herd.map(({ claims }) => Math.max(claims, 0))),
    one("start of a posted job", "ms", ...herd.map(({ startMs }) => startMs)),
    one("start of all pools", "s", startSeconds),
  ];
}
