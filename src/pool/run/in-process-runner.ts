import { runTrace } from "../../job/attempt-trace.ts";
import { setImmediate as breathe } from "node:timers/promises";

import { type Deferred, deferred } from "../../domain/node-20.ts";
import type { EntryFunction } from "../entry/load-entry-point.ts";
import { jobAt, type JobRun } from "../wire/leased-job.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import { packIds, type StopReason } from "../wire/protocol.ts";
import { attempt } from "../worker/attempt.ts";
import { childError } from "../worker/child-requests.ts";
import { JobContext } from "../worker/job-context.ts";
import { JobLog } from "../worker/job-log.ts";
import { missingCode } from "../worker/missing-code.ts";
import { BaseRunner, type RunningAttempt } from "./base-runner.ts";
import { lostResult, stoppedResult } from "./pending-outcome.ts";
import type { RunnerContext, Termination, TerminationReason } from "./runner.ts";

export interface InProcessOptions {
  concurrency: number;
  load: (entryPoint: string) => Promise<EntryFunction>;
  /** The folder to which entry points are relative. */
  root: string;
}

interface InProcessRun extends RunningAttempt {
  /** Its job, as a run. */
  run: LeasedRun;
  context: JobContext;
  log: JobLog;
  termination: Termination | null;
  /** Resolves once the runner no longer waits for its code to end. */
  givenUp: Deferred<null>;
  graceTimer: NodeJS.Timeout | undefined;
}

/** Jobs may follow each other for this long before the rest of the program has its turn. */
const turnMs = 10;

/**
 * Runs jobs in this process, up to `concurrency` at a time. No job can be killed here: a stopped
 * job gets its signal and its grace period; then its attempt is over, whether or not its code
 * continues.
 */
export class InProcessRunner extends BaseRunner<InProcessRun> {
  readonly #options: InProcessOptions;
  readonly #running = new Set<InProcessRun>();
  #lanes = 0;
  /** By lease, the number of jobs that run or are about to. */
  readonly #ofLease = new Map<number, number>();
  #turnAt = 0;

  constructor(options: InProcessOptions, context: RunnerContext) {
    super(context);
    this.#options = options;
  }

  readonly resources = null;

  get idle(): number {
    return this.#options.concurrency - this.#running.size;
  }

  get busy(): number {
    return this.#running.size;
  }

  protected get handedOut(): LeasedRun[] {
    return [...this.#running].map(({ run }) => run);
  }

  /** The arguments of a running job belong to the program. */
  protected readonly handedOutBytes = 0;

  protected running(): InProcessRun[] {
    return [...this.#running];
  }

  protected workersFor(): number {
    return this.#options.concurrency;
  }

  protected room(run: JobRun | undefined): number {
    if (run === undefined || run.runningLimit === null) return Infinity;
    return Math.max(run.runningLimit - (this.#ofLease.get(run.leaseId) ?? 0), 0);
  }

  /** A pool in a program reports output when a job ends, and not before. */
  output(): never[] {
    return [];
  }

  protected takeUnstarted(): LeasedRun[] {
    return [];
  }

  protected terminateOne(running: InProcessRun, reason: TerminationReason): void {
    if (running.termination) return;
    const { job, context, givenUp } = running;
    running.termination = { job, ...reason };
    const name = reason.state === "cancelled" ? "Cancelled" : "Timeout";
    context.stop({ name, message: reason.error.message });
    running.graceTimer = setTimeout(() => givenUp.resolve(null), job.posting.graceMs);
  }

  /** A process cannot replace code that it has imported. */
  replaceWorkers(): void {}

  abandon(): void {
    this.jobs.clear();
    this.#giveUp({ name: "PoolLost", message: "its pool cannot reach the database any more" });
  }

  stop(): Promise<void> {
    this.stopWatching();
    this.#giveUp({ name: "PoolEnded", message: "its pool was ended while it ran" });
    return Promise.resolve();
  }

  /** Their ends are not reported: their leases have ended, or will be released. */
  #giveUp(reason: StopReason): void {
    for (const running of this.#running) {
      this.#running.delete(running);
      clearTimeout(running.graceTimer);
      running.context.stop(reason);
      running.givenUp.resolve(null);
    }
  }

  protected tend(): void {}

  protected fill(): void {
    while (this.#lanes < this.#options.concurrency) {
      const run = this.#next();
      if (!run) return;
      void this.#lane(run);
    }
  }

  /** Runs a job, and then others, one after the other, while there are any. */
  async #lane(first: LeasedRun): Promise<void> {
    this.#lanes++;
    for (let run: LeasedRun | undefined = first; run; run = this.#next()) {
      const { leaseId } = run;
      await this.#run(run);
      const others = (this.#ofLease.get(leaseId) ?? 1) - 1;
      if (others > 0) this.#ofLease.set(leaseId, others);
      else this.#ofLease.delete(leaseId);
      this.context.supply.onRoom();
      if (performance.now() - this.#turnAt < turnMs) continue;
      await breathe();
      this.#turnAt = performance.now();
    }
    this.#lanes--;
  }

  /** The next job that may run now, which counts as running from here on (L4). */
  #next(): LeasedRun | undefined {
    if (this.isStopped || !this.context.supply.mayStart()) return undefined;
    const found = this.jobs.find((first) => this.room(first) > 0);
    if (!found) return undefined;
    const [{ first: run }, rest] = found.split(1);
    this.jobs.replace(found, rest);
    if (run) this.#ofLease.set(run.leaseId, (this.#ofLease.get(run.leaseId) ?? 0) + 1);
    return run;
  }

  async #run(run: LeasedRun): Promise<void> {
    const { posting, startBy } = run;
    const { attempts, supply } = this.context;
    const fn = this.#options.load(posting.entryPoint);
    fn.catch(() => {}); // the attempt reports it as its failure
    if (startBy !== null) {
      await fn.catch(() => {}); // an import takes time, too
      if (Date.now() > startBy) return supply.onReturned([run], "late");
    }
    const log = new JobLog();
    const context = new JobContext(
      packIds([run]),
      0,
      {
        onSignal: () => {},
        onProgress: (progress) => {
          running.progress = progress;
          attempts.onProgress();
        },
        onLog: (line) => log.add(line),
        readResults: (first) => this.context.readResults(running.job, first),
        root: this.#options.root,
        share: null,
        post: async (call) => {
          const isRunning = () => this.#running.has(running);
          const { id, error } = await this.context.post(running.job, call, isRunning);
          if (id === null) throw childError(error);
          return id;
        },
      },
      { ...posting, trace: runTrace(posting, null) },
    );
    const running: InProcessRun = {
      run,
      job: jobAt(run, 0),
      since: performance.now(),
      progress: null,
      context,
      log,
      termination: null,
      givenUp: deferred<null>(),
      graceTimer: undefined,
    };
    this.#running.add(running);
    const ended = missingCode(fn).then(async (reason) =>
      reason === null ? await attempt(fn, run.args, posting.keepsResults, context) : reason,
    );
    const end = await Promise.race([ended, running.givenUp.promise]);
    clearTimeout(running.graceTimer);
    if (!this.#running.delete(running)) return; // abandoned
    if (typeof end === "string") supply.onReturned([run], { missingCode: end });
    else this.#report(running, end);
  }

  /** `ended` is null if the job did not end within its grace period. */
  #report(
    { job, log, since, termination }: InProcessRun,
    ended: Awaited<ReturnType<typeof attempt>> | null,
  ): void {
    const { attempts } = this.context;
    const durationMs = performance.now() - since;
    if (ended === null) {
      const output = { stdout: null, stderr: log.text };
      if (!termination) return;
      attempts.onTerminated(termination, lostResult(termination, durationMs, output), process.pid);
      return;
    }
    const { keepsOutput } = job.posting;
    const isKept = keepsOutput === "all" || (keepsOutput === "failures" && !ended.isDone);
    const output = isKept && log.text !== null ? { stdout: null, stderr: log.text } : null;
    const end = { position: 0, durationMs, agoMs: 0, output, ...ended };
    if (!termination || end.isDone) attempts.onEnd(job, end, process.pid);
    else attempts.onTerminated(termination, stoppedResult(termination, end), process.pid);
  }
}
