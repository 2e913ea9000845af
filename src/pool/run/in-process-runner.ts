import { runTrace } from "../../job/attempt-trace.ts";
import { setImmediate as breathe } from "node:timers/promises";

import type { Counts, Provides } from "../../domain/capabilities.ts";
import { classKey, type ClassRoom, plainCounts, type Resources } from "../../domain/job-class.ts";
import { Ledger, type Share } from "../../domain/ledger.ts";
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
  /** What its jobs take; absent or empty if it runs none that count anything. */
  provides?: Provides;
}

interface InProcessRun extends RunningAttempt {
  /** Its job, as a run. */
  run: LeasedRun;
  share: Share | null;
  context: JobContext;
  log: JobLog;
  termination: Termination | null;
  /** Resolves once the runner no longer waits for its code to end. */
  givenUp: Deferred<null>;
  graceTimer: NodeJS.Timeout | undefined;
}

/** A job that is about to run, with what it takes. */
type NextRun = Pick<InProcessRun, "run" | "share">;

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
  readonly resources: Resources | null = null;

  constructor(options: InProcessOptions, context: RunnerContext) {
    super(context);
    this.#options = options;
    const { provides = {}, concurrency } = options;
    if (Object.keys(provides).length === 0) return;
    const free = Ledger.of({ cpus: concurrency, ...provides });
    this.resources = { free, of: (counts) => this.#classRoom(counts) };
  }

  #classRoom(counts: Counts | null): ClassRoom {
    const key = classKey(counts);
    const lists = this.jobs.lists.filter(({ first }) => first && this.#classOf(first) === key);
    return {
      holding: [...this.#running].filter(({ run }) => this.#classOf(run) === key).length,
      starting: 0,
      backlog: lists.reduce((sum, { count, first }) => sum + Math.min(count, this.room(first)), 0),
    };
  }

  #classOf = ({ posting }: JobRun) => classKey(this.context.supply.countsOf(posting.routeId));

  /** What jobs take; null if nothing is counted here. */
  #countsOf({ posting }: JobRun): Counts | null {
    if (this.resources === null) return null;
    return this.context.supply.countsOf(posting.routeId) ?? plainCounts;
  }

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

  protected workersFor(run: JobRun): number {
    const counts = this.resources && this.context.supply.countsOf(run.posting.routeId);
    return counts === null
      ? this.#options.concurrency
      : Math.max(this.#classRoom(counts).holding, 1);
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
      const next = this.#next();
      if (!next) return;
      void this.#lane(next);
    }
  }

  /** Runs a job, and then others, one after the other, while there are any. */
  async #lane(first: NextRun): Promise<void> {
    this.#lanes++;
    for (let next: NextRun | undefined = first; next; next = this.#next()) {
      const { leaseId } = next.run;
      await this.#run(next);
      this.#release(next.share);
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
  #next(): NextRun | undefined {
    if (this.isStopped || !this.context.supply.mayStart()) return undefined;
    const free = this.resources?.free;
    const found = this.jobs.find((first) => {
      const counts = this.#countsOf(first);
      return this.room(first) > 0 && (counts === null || free?.fits(counts) === true);
    });
    if (!found) return undefined;
    const [{ first: run }, rest] = found.split(1);
    this.jobs.replace(found, rest);
    if (!run) return undefined;
    this.#ofLease.set(run.leaseId, (this.#ofLease.get(run.leaseId) ?? 0) + 1);
    const counts = this.#countsOf(run);
    return { run, share: counts === null ? null : (free?.take(counts) ?? null) };
  }

  /** A job has ended: others may have what it took. */
  #release(share: Share | null): void {
    if (share === null) return;
    this.resources?.free.give(share);
    this.fill();
    this.context.supply.onFreed();
  }

  async #run({ run, share }: NextRun): Promise<void> {
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
        // As in workers, a job without counts knows of no share.
        share: supply.countsOf(posting.routeId) === null ? null : share,
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
      share,
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
