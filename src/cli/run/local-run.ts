import type { Db } from "../../db/connection/connect.ts";
import { cancelPostings, findStopped, pausePostings } from "../../db/engine/control.ts";
import type { Target } from "../../db/settings/target.ts";
import { startsInMs } from "../../db/read/runs.ts";
import { firstLost, readTokens } from "../../db/read/tokens.ts";
import { type ExitCode, exitCodes, PostingLost } from "../../domain/errors.ts";
import { Pool } from "../../pool/pool.ts";
import type { PendingOutcome } from "../../pool/session/outcome-batch.ts";
import { Spool } from "../../pool/wire/spool.ts";
import { workerPool } from "../../pool/worker-pool.ts";
import { pluralize } from "../output/pluralize.ts";
import { RunOutput, type PostedPart } from "../output/run-output.ts";
import type { PdoflowCommand } from "../shell/command.ts";
import { PostingProgress } from "../shell/job-progress.ts";
import type { EarlierFailures } from "./earlier-failures.ts";
import { Halt, type HaltRule } from "./halt.ts";
import type { RunPrinter } from "./run-printer.ts";

export interface RunPlan {
  target: Target;
  /** The token of the pool that may run the postings (R2). */
  token: string;
  root: string;
  maxWorkers: number;
  isCommand: boolean;
  isOrdered: boolean;
  showsProgress: boolean;
  /** Whether lines of running commands are printed as they come. */
  isLineBuffered: boolean;
  /** Whether its postings may wait for their time (`--run-at`). */
  mayStartLater: boolean;
  /** The names of more variables that the jobs see. */
  handsOn: readonly string[];
  rules: readonly HaltRule[];
  before: EarlierFailures;
}

const showEveryMs = 250;
const linesEveryMs = 50;
/** The shortest and the longest time between two queries whether the postings have started. */
const startCheckMs = { least: 100, most: 60_000 };

/** Runs the postings of one `pdoflow run` in a pool of this process, and prints their results. */
export class LocalRun {
  readonly #owner: PdoflowCommand;
  readonly #plan: RunPlan;
  readonly #printer: RunPrinter;
  readonly #output: RunOutput;
  readonly #halt: Halt;
  readonly #ids: number[] = [];
  /** The tokens of its postings: after a failover, other postings may have their numbers (P20). */
  readonly #tokens = new Map<number, number>();
  readonly #stop = Promise.withResolvers<string>();
  readonly #secondStop = Promise.withResolvers<string>();
  #signals = 0;
  /** All jobs have ended, and the rest of their output is being printed. */
  #isFlushing = false;
  #hasFailed = false;
  #isShowingLines = false;
  #pool: Pool | null = null;
  /** Whether no further posting will come. */
  #isPosted = false;

  constructor(owner: PdoflowCommand, plan: RunPlan, printer: RunPrinter) {
    this.#owner = owner;
    this.#plan = plan;
    this.#printer = printer;
    this.#output = new RunOutput(!plan.isCommand || plan.isOrdered, printer.show);
    this.#halt = new Halt(plan.rules);
  }

  /** The postings of this run so far. */
  get postings(): readonly number[] {
    return this.#ids;
  }

  /** Resolves when nothing more should be posted. */
  get stopped(): Promise<unknown> {
    return this.#stop.promise;
  }

  /** These jobs are posted, and are to be run. */
  add(part: PostedPart, token: number): void {
    this.#ids.push(part.postingId);
    this.#tokens.set(part.postingId, token);
    this.#output.expect(part);
  }

  /** All its jobs are posted: the pool ends when none is left, unless they may start later. */
  complete(): void {
    if (!this.#plan.mayStartLater) this.#complete();
  }

  #complete(): void {
    this.#isPosted = true;
    if (!this.#finishIfDone()) this.#pool?.wake();
  }

  /** The pool need not claim once more to find that nothing is left. */
  #finishIfDone(): boolean {
    const isDone = this.#isPosted && this.#output.ended >= this.#output.total;
    if (isDone) this.#pool?.finish();
    return isDone;
  }

  /**
   * Starts the pool while `post` posts. Returns when all jobs have ended and are printed, or after
   * a signal.
   */
  async work(post: () => Promise<void>): Promise<ExitCode> {
    const { context } = this.#owner;
    const offSignals = context.onStopSignal((signal) => this.#onSignal(signal));
    using showing = this.#showProgress();
    const lines = this.#plan.isLineBuffered
      ? setInterval(() => void this.#showLines(), linesEveryMs)
      : undefined;
    const work = () => this.#work(post, showing);
    try {
      return await this.#owner.explaining(this.#plan.target, work);
    } catch (error) {
      this.#hasFailed = true;
      this.#stop.resolve("an error");
      this.#pool?.kill();
      if (!(error instanceof PostingLost)) await this.#abandon();
      throw error;
    } finally {
      offSignals();
      clearInterval(lines);
    }
  }

  async #work(post: () => Promise<void>, showing: Disposable): Promise<ExitCode> {
    const posting = this.#post(post);
    const failed = Promise.withResolvers<never>();
    posting.catch((error: unknown) => failed.reject(error));
    failed.promise.catch(() => {}); // it may come after the end
    const pool = await Promise.race([this.#startPool(), failed.promise]);
    const finished = pool.finished();
    finished.catch(() => {}); // awaited below, unless posting has failed
    if (this.#isPosted && !this.#finishIfDone()) pool.wake();
    const end = await Promise.race([finished, this.#stop.promise, failed.promise]);
    if (typeof end === "string") return await this.#interrupt(end, finished);
    this.#stop.resolve("the end of its pool");
    await posting;
    // Outcomes can be refused if other pools have declared this one lost.
    const left = this.#output.total - this.#output.ended + end.refused;
    const leftOver = left === 0 ? "nothing" : await this.#keepRest();
    this.#isFlushing = true;
    const isShown = this.#output.flush().then(() => null);
    const stopped = await Promise.race([isShown, this.#secondStop.promise]);
    if (stopped !== null) return await this.#interrupt(stopped, finished);
    showing[Symbol.dispose]();
    return this.#report(leftOver, left);
  }

  /** The pool goes on while postings wait for their time. */
  async #post(post: () => Promise<void>): Promise<void> {
    await post();
    while (this.#plan.mayStartLater && this.#ids.length > 0) {
      const ms = await this.#owner.withDatabase((db) => startsInMs(db, this.#ids));
      if (ms === null) break;
      const { promise, resolve } = Promise.withResolvers<void>();
      const { least, most } = startCheckMs;
      const timer = setTimeout(resolve, Math.min(Math.max(ms, least), most));
      const stopped = await Promise.race([promise, this.stopped]);
      clearTimeout(timer);
      if (stopped !== undefined) return;
    }
    this.#complete();
  }

  async #startPool(): Promise<Pool> {
    const { context, json } = this.#owner;
    const { target, token, root, maxWorkers, isCommand, handsOn, rules } = this.#plan;
    const isPosted = () => this.#isPosted;
    const worker = {
      program: context.program,
      root,
      runsCommands: isCommand,
      env: context.env,
      handsOn,
      // Otherwise short jobs would run after the one that is to stop them.
      isOneByOne: rules.some(({ count, isPercent }) => isCommand || (!isPercent && count === 1)),
      ...(isCommand && !json ? { spool: new Spool() } : {}),
    };
    const pool = await Pool.start(target, {
      ...workerPool(context, maxWorkers, worker),
      get once() {
        return isPosted();
      },
      run: token,
      onEnded: (end) => this.#onEnded(end),
      log: (line) => this.#log(line),
    });
    this.#pool = pool;
    if (this.#hasFailed) pool.kill();
    return pool;
  }

  #onEnded(end: PendingOutcome): void {
    this.#output.add(end);
    if (end.state === "retried") return;
    const rule = this.#halt.note(end.state, this.#isPosted ? this.#output.total : null);
    if (rule?.when === "now") this.#pool?.end();
    // Stopping the posting takes some round trips, in which many short jobs could start.
    else if (rule) this.#pool?.drain(this.#haltReason);
    this.#finishIfDone();
  }

  get #haltReason(): string {
    const { failed, total, ended } = this.#output;
    if (this.#halt.met?.of === "success" || this.#halt.met?.of === "done") {
      return `${ended} of ${pluralize(total, "job")} have ended`;
    }
    return `${failed} of ${pluralize(total, "job")} failed`;
  }

  #onSignal(signal: string): void {
    this.#stop.resolve(signal);
    if (signal !== "SIGPIPE" && ++this.#signals === 1 && !this.#isFlushing) return;
    this.#secondStop.resolve(signal);
    if (signal !== "SIGPIPE") this.#pool?.kill();
  }

  /** Ends the running jobs, and keeps the others for `run --resume`. */
  async #interrupt(signal: string, finished: Promise<unknown>): Promise<ExitCode> {
    this.#pool?.end();
    const reason = `pdoflow run was ended by ${signal}`;
    const isPipe = signal === "SIGPIPE"; // `| head` has all that it wanted
    await Promise.all([isPipe ? this.#cancel(reason) : this.#pause(reason), finished]);
    if (isPipe) return exitCodes.brokenPipe;
    await Promise.race([this.#output.flush(), this.#secondStop.promise]);
    const left = this.#output.total - this.#output.ended;
    if (this.#ids.length === 0) this.#owner.say("pdoflow run: nothing was posted");
    else if (left > 0) this.#sayLeft(left);
    return signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
  }

  /** Pauses postings with jobs that did not run; says whether they can be resumed. */
  async #keepRest(): Promise<"resumable" | "cancelled"> {
    await this.#pause(this.#halt.met ? this.#haltReason : "its run has ended");
    const stopped = await this.#owner.withDatabase((db) => findStopped(db, this.#ids));
    return stopped.some(({ state }) => state === "cancelled") ? "cancelled" : "resumable";
  }

  /** After an error: only a run can run the jobs (R2). */
  async #abandon(): Promise<void> {
    const [id] = this.#ids;
    if (id === undefined) return;
    await this.#pause("its run has failed").catch(() => {}); // the database may be gone
    this.#owner.say(`continue with: pdoflow run --resume ${id}`);
  }

  async #pause(reason: string): Promise<void> {
    if (this.#ids.length === 0) return;
    await this.#owner.withDatabase(async (db) => {
      await this.#requireOwn(db);
      await pausePostings(db, this.#tokens, "paused", reason);
    });
  }

  /** @throws {PostingLost} a failover has lost one of its postings. */
  async #requireOwn(db: Db): Promise<void> {
    const found = await readTokens(db, this.#ids);
    const lost = firstLost(this.#tokens, found);
    if (lost !== undefined) throw new PostingLost(lost, found.has(lost) ? "another one" : "none");
  }

  async #cancel(reason: string): Promise<void> {
    const how = { killsRunning: true, reason };
    await this.#owner.withDatabase(async (db) => {
      await this.#requireOwn(db);
      await cancelPostings(db, this.#tokens, how);
    });
  }

  #showProgress(): Disposable {
    const progress = new PostingProgress(this.#owner, "run", this.#plan.showsProgress);
    this.#printer.bar = progress;
    const timer = setInterval(() => progress.show(this.#output), showEveryMs);
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer);
        progress.finish(this.#output);
      },
    };
  }

  async #showLines(): Promise<void> {
    if (this.#isShowingLines) return;
    this.#isShowingLines = true;
    // All take their turns at once: the end of a job that comes meanwhile is shown after them.
    const turns = (this.#pool?.output(this.#ids) ?? []).map(async (output) => {
      const number = this.#output.numberOf(output.posting, output.seq);
      if (number === null) return;
      await this.#output.inTurn(() => this.#printer.showLive(number, output));
    });
    await Promise.all(turns);
    this.#isShowingLines = false;
  }

  /** On a terminal the progress line replaces the log, except for missing code of the jobs. */
  #log(line: string): void {
    if (this.#owner.context.isTerminal.stderr && !line.includes("is skipped")) return;
    this.#owner.say(`run: ${line}`);
  }

  #report(leftOver: "nothing" | "resumable" | "cancelled", left: number): ExitCode {
    const { failed, total } = this.#output;
    const ids = this.#ids.join(" ");
    if (failed > 0) {
      this.#owner.say(
        `pdoflow run: ${failed} of ${pluralize(total, "job")} failed; ` +
          `why: pdoflow failures ${ids}`,
      );
    }
    const { before } = this.#plan;
    if (before.count > 0) this.#owner.say(`pdoflow run: ${before.sentence}`);
    if (leftOver === "resumable") this.#sayLeft(left);
    if (leftOver === "cancelled") {
      this.#owner.say(`pdoflow run: ${pluralize(left, "job")} did not run: pdoflow status ${ids}`);
    }
    if (this.#printer.isCut) return exitCodes.output;
    const isWanted = this.#halt.met?.of === "success" || this.#halt.met?.of === "done";
    const isFailure = failed + before.count > 0 || (left > 0 && !isWanted);
    return isFailure ? exitCodes.jobsFailed : exitCodes.ok;
  }

  #sayLeft(left: number): void {
    this.#owner.say(
      `pdoflow run: ${pluralize(left, "job")} did not run; ` +
        `continue with: pdoflow run --resume ${this.#ids[0]}`,
    );
  }
}
