// What fast-check runs: one act alone, whose result the model knows; or several at the same time,
// after which the model learns from the database in which order they went.
import type * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { untilBlockedOrDone } from "../locks.ts";
import { faultsOf, wentBack } from "./invariants.ts";
import { forget } from "./prune.ts";
import { attemptKey, have, linesOf, type Queue } from "./queue.ts";
import { readQueue } from "./read.ts";
import { wrongSlots } from "./slots.ts";
import { wrongStatuses } from "./statuses.ts";
import type { Act, Change, Model, Step } from "./step.ts";

/** The database, as one run sees it. */
export interface Real {
  db: Db;
  /** Three connections of their own. */
  pools: readonly Db[];
  /** The steps of this run, one per line. */
  told: string[];
  tally: Tally;
}

/** The totals of the runs; `seen` counts steps by their kind, and races. */
export interface Tally {
  runs: number;
  commands: number;
  seen: Record<string, number>;
}

export type Command = fc.AsyncCommand<Model, Real>;

/** The queue is not as it should be. */
class Broken extends Error {
  override readonly name = "Broken";
}

/** One act by itself: the database must then be just as the model. */
export class Alone implements Command {
  readonly #act: Act;
  constructor(act: Act) {
    this.#act = act;
  }

  check(model: Readonly<Model>): boolean {
    return this.#act.plan(model) !== null;
  }

  async run(model: Model, real: Real): Promise<void> {
    const step = have(this.#act.plan(model), "step");
    start(real, [step], step.told);
    const before = structuredClone(model.queue);
    const change = await step.send(connection(real, real.told.length));
    change(model);
    if (step.batch) model.sent.push(step.batch);
    const pruned = [...before.postings.keys()].filter((id) => !model.queue.postings.has(id));
    forget(before, new Set(pruned));
    const after = await look(real, before, [step]);
    expectSame(linesOf(after), linesOf(model.queue));
    remember(model);
  }

  toString(): string {
    return this.#act.name;
  }
}

function start({ told, tally }: Real, steps: readonly Step[], line: string): void {
  told.push(line);
  for (const { kind } of steps) note(tally, kind);
  if (steps.length > 1) note(tally, "races");
}

function note({ seen }: Tally, what: string): void {
  seen[what] = (seen[what] ?? 0) + 1;
}

const connection = ({ pools }: Real, number: number): Db =>
  have(pools[number % pools.length], "connection");

/** Two or three acts on as many connections, all sent at once. */
export class Together implements Command {
  readonly #acts: readonly Act[];
  constructor(acts: readonly Act[]) {
    this.#acts = acts;
  }

  check(model: Readonly<Model>): boolean {
    return meeting(this.#acts, model).length > 1;
  }

  async run(model: Model, real: Real): Promise<void> {
    const steps = meeting(this.#acts, model);
    start(real, steps, `at the same time: ${steps.map(({ told }) => told).join("; ")}`);
    const answers = await Promise.allSettled(
      steps.map((step, number) => step.send(connection(real, number))),
    );
    for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    await learn(model, real, steps);
  }

  toString(): string {
    return `together(${this.#acts.map(({ name }) => name).join(", ")})`;
  }
}

/** One act in a transaction that stays open until the other has ended or waits for it. */
export class Overlapping implements Command {
  readonly #acts: readonly [Act, Act];
  readonly #isCommitted: boolean;
  constructor(acts: readonly [Act, Act], isCommitted: boolean) {
    this.#acts = acts;
    this.#isCommitted = isCommitted;
  }

  check(model: Readonly<Model>): boolean {
    const [first, second] = meeting(this.#acts, model);
    // Posting is a transaction of its own.
    return first !== undefined && second !== undefined && first.kind !== "post";
  }

  async run(model: Model, real: Real): Promise<void> {
    const steps = meeting(this.#acts, model);
    const [first, second] = [have(steps[0], "step"), have(steps[1], "step")];
    const end = this.#isCommitted ? "commits" : "rolls back";
    start(real, [first, second], `${first.told}; before it ${end}: ${second.told}`);
    const [holder, other] = [connection(real, 0), connection(real, 1)];
    await holder.sql`begin`;
    const held = await settle(first.send(holder));
    const sent = settle(second.send(other));
    await untilBlockedOrDone(real.db, sent);
    await (this.#isCommitted ? holder.sql`commit` : holder.sql`rollback`);
    for (const answer of [held, await sent]) if (answer.status === "rejected") throw answer.reason;
    await learn(model, real, steps);
  }

  toString(): string {
    const end = this.#isCommitted ? "commit" : "rollback";
    return `overlapping(${this.#acts.map(({ name }) => name).join(", ")}, ${end})`;
  }
}

const settle = async (sent: Promise<Change>): Promise<PromiseSettledResult<Change>> => {
  const [answer] = await Promise.allSettled([sent]);
  return answer;
};

/** The steps of these acts that may happen at the same time. */
function meeting(acts: readonly Act[], model: Model): Step[] {
  const steps: Step[] = [];
  for (const act of acts) {
    const step = act.plan(model);
    if (step && steps.every((other) => mayMeet(step, other))) steps.push(step);
  }
  return steps;
}

/** A pool does not record jobs that it is releasing at the same moment (Recorder.exclusively). */
const isOwnRelease = (a: Step, b: Step) =>
  a.kind === "release a part" && a.poolId === b.poolId && b.kind !== "claim";

const mayMeet = (a: Step, b: Step): boolean => !isOwnRelease(a, b) && !isOwnRelease(b, a);

/** The model takes over the database's state, if nothing is wrong with that. */
async function learn(model: Model, real: Real, steps: readonly Step[]): Promise<void> {
  model.queue = await look(real, model.queue, steps);
  for (const { batch } of steps) if (batch) model.sent.push(batch);
  remember(model);
}

/** Reads the queue. @throws {Broken} where an invariant does not hold. */
export async function look(
  { db, tally }: Real,
  before: Queue,
  steps: readonly Step[] = [],
): Promise<Queue> {
  tally.commands += 1;
  const faults = await faultsOf(db);
  if (faults.length > 0) throw new Broken(faults.join("\n"));
  const after = await readQueue(db);
  const wrong = [...(await wrongStatuses(db, after)), ...(await wrongSlots(db, after))];
  if (wrong.length > 0) throw new Broken(wrong.join("\n"));
  const suspects = [...after.leases.values()].filter(({ isActive, lost }) => isActive && lost > 1);
  if (suspects.length > 0) note(tally, "suspects");
  const isByHand = steps.some(({ kind }) => kind === "retry by hand");
  const back = wentBack(before, after, isByHand);
  if (back.length > 0) throw new Broken(back.join("\n"));
  return after;
}

function expectSame(found: readonly string[], expected: readonly string[]): void {
  const more = found.filter((line) => !expected.includes(line));
  const less = expected.filter((line) => !found.includes(line));
  if (more.length + less.length === 0) return;
  throw new Broken(
    [
      "the model differs:",
      ...less.map((l) => `  expected ${l}`),
      ...more.map((l) => `  found    ${l}`),
    ].join("\n"),
  );
}

/** Remembers the leased jobs, which will later have been leased once. */
function remember({ queue, had }: Model): void {
  const known = new Set(had.map((job) => `${job.leaseId} ${attemptKey(job)}`));
  for (const { id: leaseId, poolId, jobs } of queue.leases.values()) {
    for (const job of jobs) {
      if (!queue.postings.has(job.postingId)) continue;
      if (!known.has(`${leaseId} ${attemptKey(job)}`)) had.push({ ...job, leaseId, poolId });
    }
  }
}
