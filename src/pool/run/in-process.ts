import { setImmediate as breathe } from "node:timers/promises";

import type { RunningJob } from "../../db/engine/pools.ts";
import { surplus } from "../../domain/chunk-size.ts";
import { type Deferred, deferred } from "../../domain/deferred.ts";
import { attempt } from "../worker/attempt.ts";
import { lostEnd, stoppedEnd } from "./ended-attempt.ts";
import { sizeOfArguments } from "../wire/backlog.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { StopReason } from "../wire/protocol.ts";
import { JobContext, type Progress } from "../worker/job-context.ts";
import { JobLog } from "../worker/job-log.ts";
import type { EntryFunction } from "../entry/load-entry-point.ts";
import { missingCode } from "../worker/missing-code.ts";
import { longMs, type Runner, type RunnerListener, timedOut, type Verdict } from "./runner.ts";

export interface InProcessOptions {
  concurrency: number;
  load: (entryPoint: string) => Promise<EntryFunction>;
}

interface Running {
  job: LeasedJob;
  since: number;
  context: JobContext;
  log: JobLog;
  progress: Progress | null;
  verdict: Verdict | null;
  /** Resolves once nobody waits any more for its code to end. */
  givenUp: Deferred<null>;
  timer: NodeJS.Timeout | undefined;
}

const watchEveryMs = 50;
/** For so long jobs may follow each other before other things of the program have their turn. */
const turnMs = 10;

/**
 * Runs jobs in this very process, up to `concurrency` at a time. No job can be killed here: one
 * that is stopped has its signal and its grace to end; then its attempt is over, whatever it does.
 */
export class InProcess implements Runner {
  readonly #options: InProcessOptions;
  readonly #listener: RunnerListener;
  readonly #running = new Set<Running>();
  readonly #watching: NodeJS.Timeout;
  #backlog: LeasedJob[] = [];
  /** The size of the arguments of the backlog. */
  #bytes = 0;
  #lanes = 0;
  /** How many jobs of each lease run, or are about to. */
  readonly #ofLease = new Map<number, number>();
  #turnAt = 0;
  #isStopping = false;

  constructor(options: InProcessOptions, listener: RunnerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#watching = setInterval(() => this.#watch(), watchEveryMs);
  }

  get backlog(): number {
    const counts = new Map<number, number>();
    return this.#backlog.filter((job) => {
      if (job.mostRunning === null) return true;
      const count = counts.get(job.leaseId) ?? this.#started(job);
      counts.set(job.leaseId, count + 1);
      return count < job.mostRunning;
    }).length;
  }

  isWaiting(postingId: number): boolean {
    return this.#backlog.some(({ posting }) => posting.id === postingId);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get idle(): number {
    return this.#options.concurrency - this.#running.size;
  }

  get busy(): number {
    return this.#running.size;
  }

  get all(): LeasedJob[] {
    return [...[...this.#running].map(({ job }) => job), ...this.#backlog];
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && this.#backlog.length === 0;
  }

  get longRunning(): RunningJob[] {
    const since = performance.now() - longMs;
    return [...this.#running]
      .filter((running) => running.since <= since)
      .map(({ job: { posting, seq, attempt }, progress }) => ({
        ...{ posting: posting.id, seq, attempt },
        ...(progress && { progress: progress.share, note: progress.note }),
      }));
  }

  /** It is told when they end: a program's own pool says nothing of it before. */
  output(): never[] {
    return [];
  }

  add(jobs: readonly LeasedJob[]): void {
    this.#backlog.push(...jobs);
    this.#bytes += sizeOfArguments(jobs);
    this.#fill();
  }

  withdraw(isWanted: (job: LeasedJob) => boolean): LeasedJob[] {
    const all = this.#backlog;
    this.#backlog = all.filter((job) => !isWanted(job));
    this.#bytes = sizeOfArguments(this.#backlog);
    return all.filter(isWanted);
  }

  condemn(sentence: (running: Running) => Omit<Verdict, "job"> | null): void {
    for (const running of this.#running) {
      const verdict = running.verdict ? null : sentence(running);
      if (!verdict) continue;
      const { job, context } = running;
      running.verdict = { job, ...verdict };
      const name = verdict.state === "cancelled" ? "Cancelled" : "Timeout";
      context.stop({ name, message: verdict.error.message });
      running.timer = setTimeout(() => running.givenUp.resolve(null), job.posting.graceMs);
    }
  }

  /** What a process has imported stays as it is. */
  renew(): void {}

  abandon(): void {
    this.#backlog = [];
    this.#bytes = 0;
    this.#giveUp({ name: "PoolLost", message: "its pool does not reach the database any more" });
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#watching);
    this.#giveUp({ name: "PoolEnded", message: "its pool was ended while it ran" });
    return Promise.resolve();
  }

  /** Nobody hears of these any more: their leases are gone, or will be released. */
  #giveUp(reason: StopReason): void {
    for (const running of this.#running) {
      this.#running.delete(running);
      clearTimeout(running.timer);
      running.context.stop(reason);
      running.givenUp.resolve(null);
    }
  }

  #fill(): void {
    while (this.#lanes < this.#options.concurrency) {
      const job = this.#next();
      if (!job) return;
      void this.#lane(job);
    }
  }

  /** Runs a job and then others, one after the other, while there are any. */
  async #lane(first: LeasedJob): Promise<void> {
    this.#lanes++;
    for (let job: LeasedJob | undefined = first; job; job = this.#next()) {
      const { leaseId } = job;
      await this.#run(job);
      const others = (this.#ofLease.get(leaseId) ?? 1) - 1;
      if (others > 0) this.#ofLease.set(leaseId, others);
      else this.#ofLease.delete(leaseId);
      this.#listener.onHungry();
      if (performance.now() - this.#turnAt < turnMs) continue;
      await breathe();
      this.#turnAt = performance.now();
    }
    this.#lanes--;
  }

  /** The next job that may run now, which counts as running from here on (L4). */
  #next(): LeasedJob | undefined {
    if (this.#isStopping || !this.#listener.mayStart()) return undefined;
    const at = this.#backlog.findIndex(
      (job) => job.mostRunning === null || this.#started(job) < job.mostRunning,
    );
    const [job] = at < 0 ? [] : this.#backlog.splice(at, 1);
    if (job) this.#ofLease.set(job.leaseId, this.#started(job) + 1);
    this.#bytes -= job?.args.length ?? 0;
    return job;
  }

  /** How many jobs of its lease run. */
  #started = ({ leaseId }: LeasedJob) => this.#ofLease.get(leaseId) ?? 0;

  async #run(job: LeasedJob): Promise<void> {
    const { posting, index, attempt: number } = job;
    const fn = this.#options.load(posting.entryPoint);
    fn.catch(() => {}); // the attempt tells it as its failure
    if (job.startBy !== null) {
      await fn.catch(() => {}); // importing it takes its time, too
      if (Date.now() > job.startBy) return this.#listener.onLate([job]);
    }
    const log = new JobLog();
    const context = new JobContext(() => ({ posting: posting.id, index, attempt: number }), {
      onSignal: () => {},
      onProgress: (progress) => {
        running.progress = progress;
        this.#listener.onProgress();
      },
      onLog: (line) => log.add(line),
    });
    const since = performance.now();
    const running: Running = {
      ...{ job, since, context, log, progress: null, verdict: null },
      ...{ givenUp: deferred<null>(), timer: undefined },
    };
    this.#running.add(running);
    const ended = missingCode(fn).then(async (reason) =>
      reason === null ? await attempt(fn, job.args, posting.keepsResults, context) : reason,
    );
    const end = await Promise.race([ended, running.givenUp.promise]);
    if (typeof end !== "string") return this.#tell(running, end);
    clearTimeout(running.timer);
    if (this.#running.delete(running)) this.#listener.onLacking([job], end);
  }

  /** Null where it was given up. */
  #tell(running: Running, ended: Awaited<ReturnType<typeof attempt>> | null): void {
    clearTimeout(running.timer);
    if (!this.#running.delete(running)) return;
    const { job, log, since, verdict } = running;
    const durationMs = performance.now() - since;
    if (ended === null) {
      const output = { stdout: null, stderr: log.text };
      if (verdict)
        this.#listener.onLost(verdict, lostEnd(verdict, durationMs, output), process.pid);
      return;
    }
    const { keepsOutput } = job.posting;
    const isKept = keepsOutput === "all" || (keepsOutput === "failures" && !ended.isDone);
    const output = isKept && log.text !== null ? { stdout: null, stderr: log.text } : null;
    const end = { position: 0, durationMs, agoMs: 0, output, ...ended };
    if (verdict && !end.isDone) {
      this.#listener.onLost(verdict, stoppedEnd(verdict, end), process.pid);
    } else {
      this.#listener.onEnd(job, end, process.pid);
    }
  }

  #watch(): void {
    const now = performance.now();
    this.condemn(({ job, since }) => timedOut(job, now - since));
    const isNew = ({ since }: Running) =>
      now - since >= longMs && now - since < longMs + watchEveryMs * 1.5;
    if ([...this.#running].some(isNew)) this.#listener.onLongJob();
    this.#fill(); // it may not have been allowed to start any
    const jobs = this.#takeSurplus();
    if (jobs.length > 0) this.#listener.onSurplus(jobs);
  }

  #takeSurplus(): LeasedJob[] {
    const last = this.#backlog.at(-1);
    if (!last) return [];
    const { mostRunning: most, leaseId } = last;
    // With a limit other pools may have to wait for these, and the limit may be a new one.
    if (most === null && !this.#listener.hasPeers()) return [];
    const ofLease = this.#backlog.filter((job) => job.leaseId === leaseId).length;
    const waiting = most === null ? this.#backlog.length : ofLease;
    const time = this.#listener.jobTime(last.posting.entryPoint);
    const count = surplus(time, waiting, most ?? this.#options.concurrency);
    const jobs = count === 0 ? [] : this.#backlog.splice(Math.max(this.#backlog.length - count, 0));
    this.#bytes -= sizeOfArguments(jobs);
    return jobs;
  }
}
