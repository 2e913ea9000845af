import type { Case } from "../case.ts";
import { ratios } from "../measure.ts";
import type { Round } from "../peers.ts";
import { sharedRounds } from "./posting.ts";

export const drain: Case = {
  name: "drain",
  what: "drains no-op jobs through worker processes, an outcome kept for each",
  target: "7x graphile-worker; and 0.6 of the SQL floor",
  async run(bench) {
    const asked = sharedRounds(bench);
    const rounds = await bench.peers.rounds(asked);
    const rates = (name: keyof Round["drain"]) => rounds.map((round) => round.drain[name]);
    const [ours, graphile, pgboss] = [rates("pdoflow"), rates("graphile"), rates("pgboss")];
    const bullmq = rates("bullmq");
    const floor = rounds.map((round) => round.floor);
    const floorReading = rounds.map((round) => round.floorReading);
    return {
      sizes: asked,
      tuned: await bench.peers.settings(),
      series: [
        { name: "pdoflow", unit: "jobs/s", values: ours },
        { name: "graphile-worker", unit: "jobs/s", values: graphile },
        { name: "pg-boss", unit: "jobs/s", values: pgboss },
        { name: "bullmq", unit: "jobs/s", values: bullmq },
        { name: "SQL floor: claim, outcomes", unit: "jobs/s", values: floor },
        { name: "SQL floor, arguments read too", unit: "jobs/s", values: floorReading },
      ],
      checks: [
        {
          ...{ name: "against graphile-worker", unit: "x", bound: { atLeast: 7 } },
          values: ratios(ours, graphile),
        },
        {
          ...{ name: "against the SQL floor", unit: "x", bound: { atLeast: 0.6 } },
          values: ratios(ours, floor),
        },
        {
          ...{ name: "against the floor that reads", unit: "x", bound: null },
          values: ratios(ours, floorReading),
        },
        { name: "against pg-boss", unit: "x", bound: null, values: ratios(ours, pgboss) },
        { name: "against bullmq", unit: "x", bound: null, values: ratios(ours, bullmq) },
      ],
      notes: [
        "jobs run in worker processes of pdoflow, in the runner's own process of the others",
        "pdoflow keeps the outcome of each job, pg-boss the job's row, the others nothing",
        "bullmq runs a tenth of the jobs",
        "the SQL floor: the pool's statements, one process, two connections, 2,000 jobs a claim",
      ],
    };
  },
};
