import type { LiveOutput } from "../../db/engine/follow.ts";
import type { Counts } from "../../domain/capabilities.ts";
import { type ClassRoom, classKey, type Resources } from "../../domain/job-class.ts";
import type { JobError } from "../../domain/attempt.ts";
import { isSameJob, type JobRun } from "../wire/leased-job.ts";
import { type LeasedRun, without } from "../wire/leased-run.ts";
import type { AttemptResult, Ends } from "../wire/ends.ts";
import type {
  PostMessage,
  ProfileMessage,
  ProgressMessage,
  ReadMessage,
  WorkerMessage,
} from "../wire/protocol.ts";
import { BaseRunner, watchEveryMs } from "./base-runner.ts";
import { outOfMemory } from "./out-of-memory.ts";
import { lostResult, stoppedResult } from "./pending-outcome.ts";
import {
  type RunnerContext,
  signalGraceMs,
  type Termination,
  type TerminationReason,
} from "./runner.ts";
import { Shares } from "./shares.ts";
import { Sharing } from "./sharing.ts";
import type { WorkerRun, WorkerSlot } from "./worker-slot.ts";
import type { WorkerOptions } from "./worker-process.ts";
import { CrashAttribution } from "./worker-death.ts";
import { WorkerSet } from "./worker-set.ts";

/** How often the memory of running jobs is compared with what they take. */
const memoryEveryMs = 200;

const poolEnded: TerminationReason = {
  state: "cancelled",
  error: { name: "PoolEnded", message: "the pool was ended" },
};

const peakOfThisProcess = () => 1_024 * process.resourceUsage().maxRSS;

/** Runs jobs in worker processes: keeps the processes alive and distributes jobs to them. */
export class Dispatcher extends BaseRunner<WorkerRun> {
  readonly #options: WorkerOptions;
  readonly #slots: WorkerSet;
  readonly #crashes = new CrashAttribution();
  readonly #sharing: Sharing;
  readonly #shares: Shares;
  readonly resources: Resources;
  #memoryDueAt = -Infinity;

  constructor(workers: number, options: WorkerOptions, context: RunnerContext) {
    super(context);
    this.#options = options;
    this.#slots = new WorkerSet(workers, options, {
      onMessage: (slot, message) => this.#receive(slot, message),
      onWorkerExit: (slot, reason) => this.#onWorkerExit(slot, reason),
      onStartFailed: (failure) => context.onStartFailed(failure),
    });
    const jobTime = (entry: string) => context.supply.jobTime(entry);
    this.#sharing = new Sharing(workers, this.#slots, jobTime, options.isOneByOne);
    this.#shares = new Shares(options.provides ?? {}, workers, {
      slots: this.#slots,
      countsOf: (routeId) => context.supply.countsOf(routeId),
      room: (run) => this.#sharing.room(run),
    });
    this.resources = { free: this.#shares.free, of: (counts) => this.#classRoom(counts) };
    this.#slots.startMissing();
  }

  get idle(): number {
    return this.#slots.idle;
  }

  get busy(): number {
    return this.#slots.busy;
  }

  protected get handedOut(): LeasedRun[] {
    return [...this.#slots].flatMap((slot) => slot.unfinished);
  }

  protected get handedOutBytes(): number {
    return this.#slots.bytes;
  }

  protected running(now: number): WorkerRun[] {
    return [...this.#slots].flatMap((slot) => slot.poll(now) ?? []);
  }

  protected workersFor(run: JobRun): number {
    return this.#shares.workersFor(run);
  }

  protected room(run: JobRun | undefined): number {
    return this.#sharing.room(run);
  }

  output(postings: readonly number[]): LiveOutput[] {
    return [...this.#slots].flatMap((slot) => slot.output(postings) ?? []);
  }

  /** Passes jobs of the backlog to workers: first to idle ones, then ahead to the others. */
  protected fill(): void {
    const unused = this.#shares.release();
    if (this.context.supply.mayStart()) this.#pass();
    else this.jobs.unshift(this.takeUnstarted());
    const freed = [...unused, ...this.#shares.release()].some((slot) => !slot.holdsShare);
    if (freed) this.context.supply.onFreed();
  }

  #pass(): void {
    if (this.jobs.count === 0) return;
    this.#shares.assign(this.jobs.lists);
    for (const ahead of [false, true]) {
      for (const slot of this.#slots) {
        if (this.jobs.count === 0) return;
        if (!slot.hasRoom(ahead)) continue;
        const jobs = this.jobs.find(
          (first) => this.#shares.mayHave(slot, first) && this.#sharing.mayHave(slot, first, ahead),
        );
        if (!jobs) continue;
        const [chunk, rest] = this.#sharing.chunkOf(jobs);
        if (!slot.mayCarry(chunk)) continue;
        this.jobs.replace(jobs, rest);
        slot.hand(chunk);
      }
    }
  }

  protected takeUnstarted(): LeasedRun[] {
    return [...this.#slots].flatMap((slot) => slot.withdraw(Infinity));
  }

  protected terminateOne(running: WorkerRun, reason: TerminationReason): void {
    const slot = [...this.#slots].find((each) => each.running === running);
    if (!slot || slot.termination) return;
    const { chunk, position, job } = running;
    const { graceMs } = job.posting;
    slot.termination = { job, ...reason };
    running.watch.sample(); // the processes may be killed
    this.#replace(slot); // starts no other job, which would be killed with the worker of this one
    const hasSignal = slot.process.page.hasSignal(running);
    const name = reason.state === "cancelled" ? "Cancelled" : "Timeout";
    const { message } = reason.error;
    slot.process.send({ kind: "stop", chunk, position, reason: { name, message } });
    slot.process.end(graceMs, hasSignal ? Math.min(signalGraceMs, graceMs) : 0);
  }

  /** Each worker is replaced as soon as its running job has ended. */
  replaceWorkers(): void {
    for (const slot of this.#slots) this.#replace(slot);
    this.fill();
  }

  abandon(): void {
    this.jobs.clear();
    for (const slot of this.#slots) {
      this.#slots.delete(slot);
      slot.process.kill();
      void slot.process.exited.then(() => this.#shares.drop(slot));
    }
    this.#slots.startMissing();
  }

  async stop({ isGraceful } = { isGraceful: false }): Promise<void> {
    this.stopWatching();
    if (isGraceful) {
      for (const slot of this.#slots) slot.withdraw(Infinity);
      this.terminate(() => poolEnded);
    }
    await this.#slots.stop({ isGraceful });
  }

  #receive(slot: WorkerSlot, message: WorkerMessage): void {
    if (!this.#slots.has(slot)) return; // abandoned: other pools may have its jobs by now
    const { supply } = this.context;
    if (message.kind === "ready") {
      slot.spentCpu = message.spentCpu;
      this.#slots.ready(slot);
    }
    if (message.kind === "lacking")
      supply.onReturned(slot.takeBack(message), { missingCode: message.reason });
    if (message.kind === "late") {
      const late = slot.withdraw(Infinity, ({ number }) => number === message.chunk);
      if (late.length > 0) supply.onReturned(late, "late");
    }
    if (message.kind === "read") return void this.#read(slot, message);
    if (message.kind === "post") return void this.#post(slot, message);
    if (message.kind === "progress") return this.#progress(slot, message);
    if (message.kind === "profile") return this.#profile(slot, message);
    if (message.kind === "ended" && !this.#ended(slot, message.ends)) return slot.process.kill();
    this.fill();
    supply.onRoom();
  }

  /** Returns false if the message, forged by user code, names jobs that cannot have ended. */
  #ended(slot: WorkerSlot, ends: Ends): boolean {
    slot.spentCpu = ends.spentCpu ?? slot.spentCpu;
    if (slot.spentCpu !== null) ends.measureLater();
    const { running } = slot;
    if (running?.chunk === ends.chunk && running.watch.peakBytes > 0)
      ends.raisePeak(running.position, running.watch.peakBytes);
    for (let i = 0; i < ends.count;) {
      const count = slot.process.output.isCut ? 0 : ends.doneFrom(i);
      const ended = count > 0 ? this.#done(slot, ends, i, count) : this.#endedOne(slot, ends, i);
      if (ended === 0) return false;
      i += ended;
    }
    if (this.isStopped && slot.isEmpty)
      slot.process.kill(); // its job has ended in time
    else if (slot.isReplaced || this.#isWorn(slot)) this.#replace(slot);
    return true;
  }

  /** Passes on up to `count` ends, and returns their number; 0 if they cannot have ended. */
  #done(slot: WorkerSlot, ends: Ends, i: number, count: number): number {
    const run = slot.endRun(ends.chunk, ends.position(i), count);
    if (run === null) return 0;
    const done = { run, slot: slot.number, ...ends.columns(i, run.count) };
    this.context.attempts.onDone(done, slot.process.pid);
    return run.count;
  }

  #endedOne(slot: WorkerSlot, ends: Ends, i: number): 0 | 1 {
    const { attempts } = this.context;
    const end: AttemptResult = { ...ends.at(i), slot: slot.number };
    const job = slot.end(ends.chunk, end.position);
    if (job === null) return 0;
    end.output = slot.process.output.take(end.output);
    // An error that a job throws while it is being stopped comes from the stop.
    const { termination: asked } = slot;
    const termination = asked && isSameJob(asked.job, job) && !end.isDone ? asked : null;
    const { pid } = slot.process;
    if (termination) attempts.onTerminated(termination, stoppedResult(termination, end), pid);
    else attempts.onEnd(job, end, pid);
    return 1;
  }

  #progress(slot: WorkerSlot, { chunk, position, share, note }: ProgressMessage): void {
    const running = slot.poll(performance.now());
    if (running?.chunk !== chunk || running.position !== position) return; // it has ended
    running.progress = { share, note };
    this.context.attempts.onProgress();
  }

  /** Sends results of its upstream to the running job. */
  async #read(slot: WorkerSlot, message: ReadMessage): Promise<void> {
    const running = slot.poll(performance.now());
    if (running?.chunk !== message.chunk || running.position !== message.position) return;
    const { job } = running;
    if (job.posting.upstream === null) return; // user code has forged it
    const answer = await slot.results.answer(message, (first) =>
      this.context.readResults(job, first),
    );
    if (answer) slot.process.send(answer);
  }

  /** A job posts others: answers with the number of the posting, or asks for the next part. */
  async #post(slot: WorkerSlot, message: PostMessage): Promise<void> {
    const { chunk, position, number } = message;
    const running = slot.poll(performance.now());
    // Otherwise user code has forged it: a worker waits for each answer, and so does its job.
    if (running?.chunk !== chunk || running.position !== position || slot.isPosting) return;
    const head = { kind: "posted", chunk, position, number } as const;
    const call = slot.calls.add(message);
    if (!call) {
      slot.process.send({ ...head, id: null, error: null });
      return;
    }
    slot.isPosting = true;
    const isRunning = () => this.#slots.has(slot) && slot.poll(performance.now()) === running;
    const answer = await this.context.post(running.job, call, isRunning);
    slot.isPosting = false;
    if (isRunning()) slot.process.send({ ...head, ...answer });
  }

  #profile(slot: WorkerSlot, { chunk, position, stacks }: ProfileMessage): void {
    const job = slot.peek(chunk, position);
    if (job) this.context.attempts.onProfile(job, { jobs: 1, stacks });
  }

  /** Passes it no more jobs, and replaces it once it has none left. */
  #replace(slot: WorkerSlot): void {
    slot.isReplaced = true;
    this.jobs.unshift(slot.withdraw(Infinity));
    if (slot.isEmpty) slot.process.kill();
  }

  #isWorn(slot: WorkerSlot): boolean {
    const { jobsMax = null, memoryMaxBytes = null } = this.#options;
    if (jobsMax !== null && slot.jobsEnded >= jobsMax) return true;
    return memoryMaxBytes !== null && slot.process.memoryBytes() > memoryMaxBytes;
  }

  /** Rule 7: if a worker dies, its running job is lost; other workers get the rest. */
  #onWorkerExit(slot: WorkerSlot, reason: JobError): void {
    if (!this.#slots.delete(slot) || this.isStopped) return;
    this.#shares.drop(slot);
    const now = performance.now();
    const running = slot.poll(now);
    const runs = slot.unfinished;
    const lost = running?.job ?? (slot.isReady ? this.#crashes.attributeCrash(runs[0]) : null);
    if (lost) {
      const crash: Termination = { job: lost, state: "failed", error: reason };
      const { termination: asked } = slot;
      const termination = asked && isSameJob(asked.job, lost) ? asked : crash;
      const { number: slotNumber, process } = slot;
      const end = lostResult(termination, now - (running?.since ?? now), process.output.last());
      const usage =
        running?.watch.usageAtDeath(process.totals, slot.spentCpu, peakOfThisProcess()) ?? null;
      const details = { ...end, slot: slotNumber, usage, isByStopSignal: process.isByStopSignal };
      this.context.attempts.onTerminated(termination, details, process.pid);
    }
    this.#takeOver(lost ? without(runs, lost) : runs);
    if (slot.isReady) this.#shares.assign(this.jobs.lists, { startsMissing: true });
    this.#slots.replace(slot, reason.message);
    this.fill();
    this.context.supply.onFreed();
    this.context.supply.onRoom();
  }

  #classRoom(counts: Counts | null): ClassRoom {
    const key = classKey(counts);
    const holding = this.#shares.holding(key);
    const lists = this.jobs.lists.filter(
      ({ first }) => first && this.#shares.classOf(first) === key,
    );
    return {
      holding: holding.length,
      starting: holding.filter((slot) => slot.isEmpty).length,
      backlog: lists.reduce((sum, { count, first }) => sum + Math.min(count, this.room(first)), 0),
    };
  }

  /** Passes jobs of a dead worker to others or, if their arguments are gone, releases them. */
  #takeOver(runs: readonly LeasedRun[]): void {
    this.jobs.unshift(runs.filter(({ args }) => args !== ""));
    const bare = runs.filter(({ args }) => args === "");
    if (bare.length > 0) this.context.supply.onReturned(bare, "surplus");
  }

  protected tend(running: readonly WorkerRun[], now: number): void {
    let hasFreed = false;
    for (const slot of this.#slots) {
      const run = running.find((each) => each === slot.running);
      if (run && now - run.since >= watchEveryMs) {
        slot.process.output.bound();
        run.watch.poll(now - run.since);
      }
      if (run && now >= this.#memoryDueAt) this.#boundMemory(slot, run);
      hasFreed = slot.dropArguments() || hasFreed;
    }
    if (now >= this.#memoryDueAt) this.#memoryDueAt = now + memoryEveryMs;
    this.#steal(now);
    if (hasFreed) this.context.supply.onRoom();
  }

  /** Kills a worker whose job has more memory than it has taken, if the system does not. */
  #boundMemory(slot: WorkerSlot, { job, watch }: WorkerRun): void {
    const most = slot.share?.counts["mem"];
    if (most === undefined || slot.process.isLimited || slot.termination) return;
    watch.sample();
    if (watch.bytes <= most) return;
    slot.termination = { job, state: "failed", error: outOfMemory(watch.bytes, most) };
    this.#replace(slot);
    slot.process.kill();
  }

  #steal(now: number): void {
    if (this.backlog > 0 || this.idle === 0) return;
    const couldStart = (run: JobRun | undefined) =>
      this.#sharing.room(run) > 0 && (run === undefined || this.#shares.fits(run));
    this.jobs.push(this.#slots.takeSpare(now, couldStart));
  }
}
