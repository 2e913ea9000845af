import type { RunningJob } from "../db/pools.ts";
import type { JobError } from "../domain/attempt.ts";
import { chunkSize, type JobTime, surplus } from "../domain/chunk-size.ts";
import { alike, type HeldJob } from "./held-job.ts";
import { OomKills } from "./oom-kills.ts";
import type { End, Output, WorkerMessage } from "./protocol.ts";
import { type Running, Slot, type Verdict } from "./slot.ts";
import { WorkerProcess, type WorkerOptions } from "./worker-process.ts";

export interface DispatcherListener {
  onEnd(job: HeldJob, end: End, workerPid: number): void;
  /** The job had been running for so long when its worker died, for the reason in the verdict. */
  onLost(verdict: Verdict, durationMs: number, output: Output, workerPid: number): void;
  /** A worker could not be started; it is tried again. */
  onSpawnFailed(error: unknown): void;
  /** Some worker has room. */
  onHungry(): void;
  /** A job has been running for a while, and was not before. */
  onLongJob(): void;
  /** Whether other pools are alive. */
  hasPeers(): boolean;
  /** These take longer than was thought when they were claimed: other pools should have them. */
  onSurplus(jobs: HeldJob[]): void;
  /** These came too late to be started (P5). */
  onLate(jobs: HeldJob[]): void;
  /** False while no more jobs should be started. */
  mayStart(): boolean;
  jobTime(entryPoint: string): JobTime | null;
}

/** Jobs shorter than this are handed out ahead, so that no worker waits for its pool. */
const aheadBelowMs = 50;
const watchEveryMs = 50;
const respawnMs = 1_000;
/** From when on a job is told to others as running. */
export const longMs = 250;

/** Keeps worker processes alive and shares the jobs at hand out among them. */
export class Dispatcher {
  readonly #workers: number;
  readonly #options: WorkerOptions;
  readonly #listener: DispatcherListener;
  readonly #slots = new Set<Slot>();
  readonly #oomKills = new OomKills();
  readonly #watching: Timer;
  /** First in, first out; the jobs of a list can be handed out together. */
  #backlog: HeldJob[][] = [];
  #isStopping = false;

  constructor(workers: number, options: WorkerOptions, listener: DispatcherListener) {
    this.#workers = workers;
    this.#options = options;
    this.#listener = listener;
    for (let i = 0; i < workers; i++) this.#spawn();
    this.#watching = setInterval(() => this.#watch(), watchEveryMs);
  }

  /** Jobs that no worker has been handed. */
  get backlog(): number {
    return this.#backlog.reduce((sum, jobs) => sum + jobs.length, 0);
  }

  /** Workers that have nothing to do. */
  get idle(): number {
    return [...this.#slots].filter((slot) => slot.isEmpty && slot.hasRoom(false)).length;
  }

  /** All jobs in the hands of this pool that have not ended. */
  get all(): HeldJob[] {
    return [...[...this.#slots].flatMap((slot) => slot.held), ...this.#backlog.flat()];
  }

  get isIdle(): boolean {
    return this.#backlog.length === 0 && [...this.#slots].every((slot) => slot.isEmpty);
  }

  /** The jobs that have been running for a while. */
  get longRunning(): RunningJob[] {
    const since = performance.now() - longMs;
    return [...this.#slots].flatMap(({ running }) => {
      if (!running || running.since > since) return [];
      const { posting, seq, attempt } = running.job;
      return [{ posting: posting.id, seq, attempt }];
    });
  }

  /** Takes jobs, to be run after those that are there already. */
  add(jobs: readonly HeldJob[]): void {
    this.#backlog.push(...alike(jobs));
    this.fill();
  }

  /** Hands out what is there: first to workers without work, then ahead to the others. */
  fill(): void {
    if (!this.#listener.mayStart()) return this.#takeBack();
    for (const ahead of [false, true]) {
      for (const slot of this.#slots) {
        const jobs = this.#backlog[0];
        if (!jobs) return;
        const posting = jobs[0]?.posting;
        // With a limit one by one: what waits in a worker counts as running.
        const isLimited = posting?.isLimited === true;
        const time = this.#listener.jobTime(posting?.entryPoint ?? "");
        const isShort = time !== null && time.meanMs + time.deviationMs < aheadBelowMs;
        if (!slot.hasRoom(ahead && isShort && !isLimited)) continue;
        const size = isLimited ? 1 : chunkSize(time, jobs.length, this.#workers);
        slot.hand(jobs.splice(0, size));
        if (jobs.length === 0) this.#backlog.shift();
      }
    }
  }

  /** Takes back what no worker has started, where `isWanted`, to be given back (rule 4). */
  recall(isWanted: (job: HeldJob) => boolean): HeldJob[] {
    const all = [
      ...[...this.#slots].flatMap((slot) => slot.recall(Infinity)),
      ...this.#backlog.flat(),
    ];
    this.#backlog = alike(all.filter((job) => !isWanted(job)));
    return all.filter(isWanted);
  }

  /** Kills the workers that run a job for which `sentence` gives a verdict. */
  condemn(sentence: (running: Running) => Omit<Verdict, "job"> | null): void {
    const now = performance.now();
    for (const slot of this.#slots) {
      const running = slot.look(now);
      const verdict = running && !slot.verdict ? sentence(running) : null;
      if (!running || !verdict) continue;
      slot.verdict = { job: running.job, ...verdict };
      this.#retire(slot); // starts no other job: that would be killed with this one's worker
      slot.process.end(running.job.posting.graceMs);
    }
  }

  /** Replaces the workers, each as soon as the job that it runs has ended. */
  renew(): void {
    for (const slot of this.#slots) this.#retire(slot);
    this.fill();
  }

  /** Kills all workers and forgets all jobs: their leases are gone, or will be. */
  abandon(): void {
    this.#backlog = [];
    for (const slot of this.#slots) {
      this.#slots.delete(slot);
      slot.process.kill();
    }
    for (let i = 0; i < this.#workers; i++) this.#spawn();
  }

  /** Ends the workers, whatever they do. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#watching);
    this.#oomKills[Symbol.dispose]();
    for (const slot of this.#slots) slot.process.kill();
    await Promise.all([...this.#slots].map((slot) => slot.process.exited));
  }

  /** Starts one more worker; where the system has no process to spare, once it has. */
  #spawn(): void {
    if (this.#isStopping) return;
    try {
      const slot: Slot = new Slot(
        new WorkerProcess(this.#options, this.#oomKills, {
          onMessage: (message) => this.#receive(slot, message),
          onDeath: (reason) => this.#bury(slot, reason),
        }),
      );
      this.#slots.add(slot);
    } catch (error) {
      this.#listener.onSpawnFailed(error);
      setTimeout(() => this.#spawn(), respawnMs);
    }
  }

  #receive(slot: Slot, message: WorkerMessage): void {
    if (!this.#slots.has(slot)) return; // abandoned: its jobs are others' by now
    if (message.kind === "ready") slot.isReady = true;
    if (message.kind === "late") this.#listener.onLate(slot.recall(Infinity, message.chunk));
    if (message.kind === "ended") {
      for (const end of message.ends) {
        const job = slot.end(message.chunk, end.position);
        // Taken back or unheard of: user code spoke for jobs that it was not handed.
        if (job === null) return slot.process.kill();
        end.output = slot.process.takeOutput(end.output);
        this.#listener.onEnd(job, end, slot.process.pid);
      }
      this.#retireIfWorn(slot);
    }
    this.fill();
    this.#listener.onHungry();
  }

  /** What no worker has started is not to be started now. */
  #takeBack(): void {
    for (const slot of this.#slots) this.#takeFrom(slot);
  }

  #takeFrom(slot: Slot): void {
    this.#backlog.unshift(...alike(slot.recall(Infinity)));
  }

  /** Hands it nothing more, and replaces it once it has nothing left. */
  #retire(slot: Slot): void {
    slot.isRetiring = true;
    this.#takeFrom(slot);
    if (slot.isEmpty) slot.process.kill();
  }

  #retireIfWorn(slot: Slot): void {
    const { jobsMax, memoryMaxBytes } = this.#options;
    const isWorn =
      (jobsMax !== null && slot.jobsEnded >= jobsMax) ||
      (memoryMaxBytes !== null && slot.process.memoryBytes() > memoryMaxBytes);
    if (isWorn || slot.isRetiring) this.#retire(slot);
  }

  /** Rule 7: of a dead worker's jobs, the one that it ran is lost; the rest goes to the others. */
  #bury(slot: Slot, reason: JobError): void {
    if (!this.#slots.delete(slot) || this.#isStopping) return;
    const now = performance.now();
    const running = slot.look(now);
    const lost = running?.job;
    if (running && lost) {
      const died: Verdict = { job: lost, state: "failed", error: reason };
      const verdict = slot.verdict?.job === lost ? slot.verdict : died;
      const output = slot.process.lastOutput();
      this.#listener.onLost(verdict, now - running.since, output, slot.process.pid);
    }
    this.#backlog.unshift(...alike(slot.held.filter((job) => job !== lost)));
    // One that never came up would come down again at once.
    if (slot.isReady) this.#spawn();
    else setTimeout(() => this.#spawn(), respawnMs);
    this.fill();
    this.#listener.onHungry();
  }

  #watch(): void {
    const now = performance.now();
    let hasNewLong = false;
    for (const slot of this.#slots) {
      const running = slot.look(now);
      const ageMs = running ? now - running.since : 0;
      hasNewLong ||= ageMs >= longMs && ageMs < longMs + watchEveryMs * 1.5;
      if (ageMs >= watchEveryMs) slot.process.boundOutput();
    }
    this.condemn(({ job, since }) => timedOut(job, now - since));
    if (hasNewLong) this.#listener.onLongJob();
    this.#steal();
    this.fill(); // it may not have been allowed to start any
    const jobs = this.#takeSurplus();
    if (jobs.length > 0) this.#listener.onSurplus(jobs);
  }

  #takeSurplus(): HeldJob[] {
    if (!this.#listener.hasPeers()) return [];
    const jobs = this.#backlog.at(-1) ?? [];
    const time = this.#listener.jobTime(jobs[0]?.posting.entryPoint ?? "");
    const count = surplus(time, this.backlog, this.#workers);
    if (count === 0) return [];
    const back = jobs.splice(Math.max(jobs.length - count, 0));
    if (jobs.length === 0) this.#backlog.pop();
    return back;
  }

  #steal(): void {
    if (this.#backlog.length > 0 || this.idle === 0) return;
    const fullest = [...this.#slots].sort((a, b) => b.unstarted - a.unstarted)[0];
    if (!fullest || fullest.unstarted === 0) return;
    this.#backlog.push(...alike(fullest.recall(Math.ceil(fullest.unstarted / 2))));
    this.fill();
  }
}

function timedOut({ posting }: HeldJob, ageMs: number): Omit<Verdict, "job"> | null {
  const { timeoutMs } = posting;
  if (timeoutMs === null || ageMs < timeoutMs) return null;
  const message = `the job ran longer than its timeout of ${timeoutMs} ms, and was killed`;
  return { state: "failed", error: { name: "Timeout", message } };
}
