import type { Bench, Case } from "../case.ts";
import { ratios } from "../measure.ts";
import type { Round } from "../peers.ts";
import type { Findings } from "../result.ts";

/** How much all cases ask for that share the rounds of the contenders. */
export const sharedRounds = (bench: Bench) => ({
  jobs: bench.jobs(300_000, 10_000),
  rounds: bench.rounds(5, 2),
});

async function posting(bench: Bench, by: "pdoflow" | "node", atLeast: number): Promise<Findings> {
  const asked = sharedRounds(bench);
  const rounds = await bench.peers.rounds(asked);
  const rates = (name: keyof Round["post"]) => rounds.map(({ post }) => post[name]);
  const ours = rates(by);
  const all = {
    ...{ pdoflow: ours, "graphile-worker": rates("graphile") },
    ...{ "pg-boss": rates("pgboss"), bullmq: rates("bullmq") },
  };
  return {
    sizes: asked,
    tuned: await bench.peers.settings(),
    series: Object.entries(all).map(([name, values]) => ({ name, unit: "jobs/s", values })),
    checks: [
      {
        ...{ name: "against graphile-worker", unit: "x", bound: { atLeast } },
        values: ratios(ours, all["graphile-worker"]),
      },
      {
        ...{ name: "against pg-boss", unit: "x", bound: null },
        values: ratios(ours, all["pg-boss"]),
      },
      {
        ...{ name: "against bullmq", unit: "x", bound: null },
        values: ratios(ours, all.bullmq),
      },
    ],
    notes: [
      "the peers post from Node, which they are made for",
      "bullmq posts and runs a tenth of the jobs",
    ],
  };
}

export const postBun: Case = {
  name: "post-bun",
  what: "posts jobs of three small arguments, the library on Bun",
  target: "10x graphile-worker's best",
  run: (bench) => posting(bench, "pdoflow", 10),
};

export const postNode: Case = {
  name: "post-node",
  what: "posts jobs of three small arguments, the library on Node",
  target: "10x graphile-worker's best",
  run: (bench) => posting(bench, "node", 10),
};
