import type { Bench, Case } from "../case.ts";
import { ContenderFailed, tune, type Tuned } from "../contender.ts";
import { bullmqFlow, limitMs, pdoflowStages, pgbossFlow } from "../flow-queues.ts";
import { clock, ratios } from "../measure.ts";
import { perSecond } from "../peers.ts";
import type { Check, Series } from "../result.ts";
import { runSnakemake, snakemakeVersion } from "../snakemake.ts";

export const flowElements: Case = {
  name: "flow-elements",
  what: "posts and runs elements of two no-op jobs, of which the second waits for the first",
  target: "no target: beside pg-boss flow(), BullMQ flows and Snakemake 7",
  async run(bench) {
    const elements = bench.size(10_000, 500);
    const few = bench.size(1_000, 50);
    const rounds = bench.rounds(5, 2);
    const contenders = new Turns(bench, Math.ceil(elements / 5));
    await contenders.open();
    for (let round = 1; round <= rounds; round++) {
      for (const name of queues) await contenders.turn(name, name, elements);
      await contenders.turn("pdoflow", besideSnakemake, few);
      await contenders.snakemake(few);
      bench.say(`flow-elements: round ${round} of ${rounds}`);
    }
    await contenders.close();
    const of = (name: string) => contenders.taken.get(name) ?? [];
    const rates = (name: string) => of(name).map((ms) => perSecond(2 * elements, ms));
    const measured = (name: string) => of(name).length === rounds;
    return {
      sizes: { elements, "elements beside snakemake": few, rounds },
      tuned: contenders.settings,
      series: [
        ...queues.filter(measured).map((name) => rate(name, rates(name))),
        ...[besideSnakemake, "snakemake"].filter(measured).map((name) => seconds(name, of(name))),
      ],
      checks: [
        ...queues
          .filter((name) => name !== "pdoflow" && measured(name))
          .map((name) => against(name, ratios(of(name), of("pdoflow")))),
        ...(measured("snakemake")
          ? [against("snakemake", ratios(of("snakemake"), of(besideSnakemake)))]
          : []),
      ],
      absent: Object.fromEntries(contenders.absent),
      notes: [
        "the time to post and the time to run, with the start and the end of the processes that run",
        `snakemake makes files, and does ${few.toLocaleString("en")} elements; so does pdoflow there`,
        ...[...contenders.absent].map(([name, reason]) => `${name} has no figures: ${reason}`),
      ],
    };
  },
};

const queues = ["pdoflow", "pg-boss", "bullmq"] as const;
type FlowQueue = (typeof queues)[number];
const besideSnakemake = "pdoflow beside snakemake";

const rate = (name: string, values: readonly number[]): Series => ({
  ...{ name, unit: "jobs/s", values },
});
const seconds = (name: string, ms: readonly number[]): Series => ({
  ...{ name, unit: "s", values: ms.map((each) => each / 1000) },
});
const against = (name: string, values: readonly number[]): Check => ({
  ...{ name: `against ${name}`, unit: "x", bound: null, values },
});

/** The contenders of all rounds; one that fails or does not finish takes no further part. */
class Turns {
  /** How long each took, round by round, in ms. */
  readonly taken = new Map<string, number[]>();
  readonly absent = new Map<string, string>();
  readonly settings: Record<string, string> = {};
  readonly #bench: Bench;
  readonly #tuningElements: number;
  readonly #tuned = new Map<FlowQueue, Tuned>();

  constructor(bench: Bench, tuningElements: number) {
    this.#bench = bench;
    this.#tuningElements = tuningElements;
  }

  async open(): Promise<void> {
    for (const name of queues) {
      await this.#attempt(name, async () => {
        const tuned = await this.#tune(name);
        this.#tuned.set(name, tuned);
        this.settings[name] = tuned.settings;
      });
    }
    await this.#attempt("snakemake", async () => {
      const version = await snakemakeVersion();
      this.settings["snakemake"] = `${version}, --cores ${this.#bench.cores} --force-use-threads`;
    });
  }

  async turn(name: FlowQueue, as: string, elements: number): Promise<void> {
    await this.#attempt(name, async () => {
      const contender = this.#tuned.get(name);
      if (!contender) throw new ContenderFailed("it was not started");
      const { server } = this.#bench;
      await contender.reset();
      await server.settle(contender.database);
      const postMs = await contender.post(elements);
      await server.settle(contender.database);
      const drainMs = await clock(() => contender.drain());
      await contender.verify(elements);
      this.#take(as, postMs + drainMs);
    });
  }

  async snakemake(elements: number): Promise<void> {
    const { cores, server } = this.#bench;
    await this.#attempt("snakemake", async () => {
      this.#take("snakemake", await runSnakemake(server.folder, { elements, cores, limitMs }));
    });
  }

  async close(): Promise<void> {
    for (const { database } of this.#tuned.values()) await this.#bench.server.drop(database);
  }

  #take(name: string, ms: number): void {
    if (ms > limitMs) throw new ContenderFailed(`did not finish in ${limitMs / 1000} s`);
    this.taken.set(name, [...(this.taken.get(name) ?? []), ms]);
  }

  async #attempt(name: string, work: () => Promise<void>): Promise<void> {
    if (this.absent.has(name)) return;
    try {
      await work();
    } catch (error) {
      // PDOFlow itself must not fail.
      if (name === "pdoflow" || !(error instanceof ContenderFailed)) throw error;
      this.absent.set(name, error.message);
      this.#bench.say(`flow-elements: ${name} is left out: ${error.message}`);
    }
  }

  async #tune(name: FlowQueue): Promise<Tuned> {
    const { server, cores, isQuick, say } = this.#bench;
    const database = await server.database(`flow_${name.replace("-", "")}`);
    const most = isQuick ? 1 : Infinity;
    const tuning = { server, jobs: this.#tuningElements, takes: 2, most, say };
    switch (name) {
      case "pdoflow":
        return await tune(await pdoflowStages(database, cores), tuning);
      case "pg-boss":
        return await tune(await pgbossFlow(database), tuning);
      case "bullmq":
        return await tune(await bullmqFlow(database), tuning);
    }
  }
}
