// Runs of commands, until one goes wrong, which is then shortened and reported.
import * as fc from "fast-check";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { freshQueue } from "../engine.ts";
import {
  Alone,
  type Command,
  look,
  Overlapping,
  type Real,
  type Tally,
  Together,
} from "./commands.ts";
import { drain } from "./drain.ts";
import { claimAct, claimSingleAct, giveBackAct, largeClaimAct } from "./leases.ts";
import {
  cancelAct,
  dueAct,
  startAct,
  finishAct,
  foldAct,
  pauseAct,
  postAct,
  postAlike,
  priorityAct,
  resumeAct,
  retryAct,
  stopAct,
} from "./people.ts";
import { beatAct, loseAct, rescueAct, startPool } from "./pools.ts";
import { pruneAct } from "./prune.ts";
import type { Queue } from "./queue.ts";
import { readQueue } from "./read.ts";
import { lateAct, recordAct, resendAct } from "./records.ts";
import type { Act, Model } from "./step.ts";

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: claimAct },
  { weight: 2, arbitrary: claimSingleAct(true) },
  { weight: 6, arbitrary: recordAct },
  { weight: 3, arbitrary: postAct },
  { weight: 3, arbitrary: giveBackAct },
  { weight: 2, arbitrary: fc.oneof(resendAct, lateAct) },
  { weight: 2, arbitrary: rescueAct },
  { weight: 3, arbitrary: fc.oneof(beatAct, loseAct) },
  { weight: 3, arbitrary: fc.oneof(pauseAct, stopAct, resumeAct, resumeAct, cancelAct) },
  { weight: 2, arbitrary: priorityAct },
  { weight: 2, arbitrary: retryAct },
  { weight: 4, arbitrary: fc.oneof(finishAct, foldAct, dueAct, startAct, pruneAct) },
);

/** The steps that are most interesting at the same time as another. */
const racer: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: recordAct },
  { weight: 2, arbitrary: fc.oneof(resendAct, lateAct) },
  { weight: 2, arbitrary: fc.oneof(claimAct, claimSingleAct(false)) },
  { weight: 2, arbitrary: giveBackAct },
  { weight: 2, arbitrary: rescueAct },
  { weight: 4, arbitrary: fc.oneof(pauseAct, stopAct, resumeAct, cancelAct, cancelAct) },
  { weight: 2, arbitrary: priorityAct },
  { weight: 2, arbitrary: retryAct },
  { weight: 2, arbitrary: fc.oneof(finishAct, foldAct) },
  { weight: 2, arbitrary: fc.oneof(postAct, beatAct, loseAct) },
);

const alone = act.map((one): Command => new Alone(one));
/** Steps at the same time: any of these, or claims alone, which may want the same lane. */
const together = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(racer, { minLength: 2, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(claimAct, { minLength: 2, maxLength: 3 }) },
  )
  .map((acts): Command => new Together(acts));
/** Outcomes that are being recorded meet an act upon their posting that has to wait for them. */
const recordAndControl = fc.tuple(
  recordAct,
  fc.oneof(pauseAct, stopAct, cancelAct, priorityAct, retryAct),
);
const overlapping = fc
  .tuple(fc.oneof(fc.tuple(racer, racer), recordAndControl), fc.integer({ min: 0, max: 3 }))
  .map(([acts, chance]): Command => new Overlapping(acts, chance > 0));

/** Claims take the lanes of postings that are alike together, and so their retries. */
const posts = fc.oneof(
  { weight: 2, arbitrary: postAct.map((post) => [post]) },
  { weight: 1, arbitrary: postAlike },
);
const crash = fc.tuple(largeClaimAct, largeClaimAct, loseAct, rescueAct);

/** How a run begins: some postings, and in one of three up to three pools are lost then (Y3). */
const prelude = fc
  .oneof(
    { weight: 2, arbitrary: fc.array(posts, { minLength: 1, maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(postAlike, posts, fc.array(crash, { minLength: 1, maxLength: 3 }))
        .map(([first, more, crashes]) => [first, more, ...crashes]),
    },
  )
  .map((parts) => parts.flat().map((one) => new Alone(one)));

/** Up to 40 commands, most of them alone: the model predicts their answers in full. */
const commands = fc.commands([alone, alone, alone, alone, together, overlapping], {
  maxCommands: 40,
  size: "max",
});

/** Sessions find a deadlock, which is a fault, in 50 ms, and plan the many reads of jobs once. */
const overrides = { deadlock_timeout: "50ms", plan_cache_mode: "force_generic_plan" };

/** The database of the runs and their counts; created once, for all of them. */
export class ModelRuns implements AsyncDisposable {
  readonly db: Db;
  readonly tally: Tally = { runs: 0, commands: 0, seen: {} };
  readonly #queue: Db;
  readonly #pools: readonly Db[];
  #lastFailure: readonly string[] = [];

  private constructor(queue: Db) {
    const open = (connections: number) => connect(queue.target, { connections, overrides });
    this.#queue = queue;
    this.db = open(2);
    this.#pools = [open(1), open(1), open(1)];
  }

  static async open(): Promise<ModelRuns> {
    return new ModelRuns(await freshQueue());
  }

  /**
   * The fault in `numRuns` runs from this seed, in words, with the shortest commands that were
   * found in a minute (or the first faults found); null if there is none.
   */
  async failure(seed: number, numRuns: number, isShrunk = true): Promise<string | null> {
    await this.#vacuum();
    const result = await fc.check(
      fc.asyncProperty(prelude, commands, (first, list) => this.#run(first, list)),
      {
        seed,
        numRuns,
        endOnFailure: !isShrunk,
        interruptAfterTimeLimit: 60_000,
        markInterruptAsFailure: false,
      },
    );
    if (!result.failed) return null;
    const steps = this.#lastFailure.map((line, place) => `${place + 1}. ${line}`).join("\n");
    const { errorInstance: error } = result;
    const what = error instanceof Error ? error.message : String(error);
    const report = fc.defaultReportMessage(result);
    return `${what}\n\nwhat happened, with seed ${seed}:\n${steps}\n\n${report}`;
  }

  async #run(first: readonly Alone[], list: Iterable<Command>): Promise<void> {
    const told: string[] = [];
    this.tally.runs += 1;
    const real: Real = { db: this.db, pools: this.#pools, told, tally: this.tally };
    const model: Model = { queue: await this.#start(), sent: [], had: [] };
    try {
      for (const one of first) if (one.check(model)) await one.run(model, real);
      await fc.asyncModelRun(() => ({ model, real }), list);
      told.push("all other pools are gone, and a new one gets what is left");
      await drain(this.db, model.queue);
      await look(real, model.queue);
    } catch (error) {
      this.#lastFailure = told;
      throw error;
    }
  }

  /** An empty queue with three pools. */
  async #start(): Promise<Queue> {
    // Not truncate: that takes 40 ms, and all plans that were made.
    await this.db.sql`
      with posting as (delete from pdoflow.posting), lane as (delete from pdoflow.lane),
           job as (delete from pdoflow.job), pool as (delete from pdoflow.pool),
           lease as (delete from pdoflow.lease), retry as (delete from pdoflow.retry),
           outcome as (delete from pdoflow.outcome_run), progress as (delete from pdoflow.progress),
           failure as (delete from pdoflow.failure), job_order as (delete from pdoflow.job_order)
      select setval(pg_get_serial_sequence(format('pdoflow.%I', name), 'id'), 1, false)
      from unnest(array['posting', 'lease', 'pool', 'retry']) as name`;
    for (let count = 0; count < 3; count++) await startPool(this.db);
    return readQueue(this.db);
  }

  /** So that what earlier runs deleted does not slow down later ones. */
  async #vacuum(): Promise<void> {
    await this.db.sql`
      truncate pdoflow.posting, pdoflow.lane, pdoflow.job, pdoflow.pool, pdoflow.lease,
               pdoflow.retry, pdoflow.outcome_run, pdoflow.progress, pdoflow.failure,
               pdoflow.job_order cascade`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.db, ...this.#pools].map((db) => db.abort()));
    await this.#queue[Symbol.asyncDispose]();
  }
}
