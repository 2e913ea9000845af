import { bullmq } from "./bullmq.ts";
import { type Contender, type Tuned, tune, type Tuning } from "./contender.ts";
import { graphile } from "./graphile.ts";
import { clock } from "./measure.ts";
import { pdoflow, postWithNode } from "./pdoflow.ts";
import { pgboss } from "./pgboss.ts";
import type { BenchServer } from "./server.ts";
import { drainBySql } from "./sql-pool.ts";

/** What each contender took in one round, in jobs for each second. */
export interface Round {
  post: Record<QueueName | "node", number>;
  drain: Record<QueueName, number>;
  /** The statements of a claim and of recording alone, without and with reading the jobs. */
  floor: number;
  floorReading: number;
}
export const names = ["pdoflow", "graphile", "pgboss"] as const;
export type Name = (typeof names)[number];
/** All contenders of the rounds of posting and draining. */
export const queueNames = [...names, "bullmq"] as const;
export type QueueName = (typeof queueNames)[number];

export interface RoundsAsked {
  jobs: number;
  rounds: number;
}

/** All contenders, each tuned when it is first asked for; their rounds are run once for all. */
export class Peers {
  readonly #server: BenchServer;
  readonly #cores: number;
  readonly #tuning: Tuning;
  readonly #tuned = new Map<QueueName, Promise<Tuned>>();
  #rounds: Promise<Round[]> | null = null;

  constructor(server: BenchServer, cores: number, tuning: Tuning) {
    this.#server = server;
    this.#cores = cores;
    this.#tuning = tuning;
  }

  async get(name: QueueName): Promise<Tuned> {
    let found = this.#tuned.get(name);
    if (!found) this.#tuned.set(name, (found = this.#tune(name)));
    return await found;
  }

  /** What each that was tuned runs with. */
  async settings(): Promise<Record<string, string>> {
    const all = await Promise.all(this.#tuned.values());
    return Object.fromEntries(all.map(({ name, settings }) => [name, settings]));
  }

  /** The rounds of posting and draining, one contender after the other in each. */
  async rounds(asked: RoundsAsked): Promise<Round[]> {
    return await (this.#rounds ??= this.#measure(asked));
  }

  async #tune(name: QueueName): Promise<Tuned> {
    const database = await this.#server.database(`bench_${name}`);
    const tuning = { ...this.#tuning, jobs: shareOf(name, this.#tuning.jobs) };
    const as = <P, D>(contender: Contender<P, D>) => tune(contender, tuning);
    switch (name) {
      case "pdoflow":
        return await as(await pdoflow(database, this.#cores));
      case "graphile":
        return await as(await graphile(database));
      case "pgboss":
        return await as(await pgboss(database));
      case "bullmq":
        return await as(await bullmq(database));
    }
  }

  async #measure({ jobs, rounds }: RoundsAsked): Promise<Round[]> {
    const tuned = { pdoflow: await this.get("pdoflow"), graphile: await this.get("graphile") };
    const others = { pgboss: await this.get("pgboss"), bullmq: await this.get("bullmq") };
    const all = { ...tuned, ...others };
    const inNode = await postWithNode(this.#server.folder);
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      const post = { pdoflow: 0, graphile: 0, pgboss: 0, bullmq: 0, node: 0 };
      const drain = { pdoflow: 0, graphile: 0, pgboss: 0, bullmq: 0 };
      for (const name of queueNames) {
        const rates = await turn(this.#server, all[name], shareOf(name, jobs));
        post[name] = rates.post;
        drain[name] = rates.drain;
        if (name !== "pdoflow") continue;
        await all.pdoflow.reset();
        await this.#server.settle(all.pdoflow.database);
        post.node = perSecond(jobs, await inNode(all.pdoflow.database.url, jobs, "noop"));
      }
      const floor = await this.#floor(all.pdoflow, jobs, false);
      const floorReading = await this.#floor(all.pdoflow, jobs, true);
      measured.push({ post, drain, floor, floorReading });
      this.#tuning.say(
        `round ${round} of ${rounds}, jobs/s: ${JSON.stringify(measured.at(-1), whole)}`,
      );
    }
    return measured;
  }

  async #floor(ours: Tuned, jobs: number, reads: boolean): Promise<number> {
    await ours.reset();
    await ours.post(jobs);
    await this.#server.settle(ours.database);
    const ms = await clock(() => drainBySql(ours.database.db, { reads }));
    await ours.verify(jobs);
    return perSecond(jobs, ms);
  }
}

/**
 * How many jobs a contender gets of those asked for. BullMQ commits each job by itself, so that its
 * rate does not depend on their number, and all of them would take minutes.
 */
const shareOf = (name: QueueName, jobs: number): number =>
  name === "bullmq" ? Math.ceil(jobs / 10) : jobs;

/**
 * One round of one contender, in jobs for each second. What its processes take to start and end
 * with an empty queue is not counted.
 */
export async function turn(server: BenchServer, contender: Tuned, jobs: number) {
  await contender.reset();
  const emptyMs = await contender.emptyMs();
  await server.settle(contender.database);
  const postMs = await contender.post(jobs);
  await server.settle(contender.database);
  const drainMs = await clock(() => contender.drain());
  await contender.verify(jobs);
  return { post: perSecond(jobs, postMs), drain: perSecond(jobs, drainMs - emptyMs) };
}

export const perSecond = (count: number, ms: number): number => (count / ms) * 1000;

const whole = (_key: string, value: unknown) =>
  typeof value === "number" ? Math.round(value) : value;
