import type { LiveOutput } from "../db/follow.ts";
import type { RunningJob } from "../db/pools.ts";
import type { JobError } from "../domain/attempt.ts";
import { chunkSize, surplus } from "../domain/chunk-size.ts";
import { lostEnd, stoppedEnd } from "./ended-attempt.ts";
import { alike, type HeldJob } from "./held-job.ts";
import { OomKills } from "./oom-kills.ts";
import type { End, ProfileMessage, ProgressMessage, WorkerMessage } from "./protocol.ts";
import {
  longMs,
  type Runner,
  type RunnerListener,
  signalGraceMs,
  timedOut,
  type Verdict,
} from "./runner.ts";
import { type Running, Slot } from "./slot.ts";
import { UnseenDeaths } from "./unseen-deaths.ts";
import { WorkerProcess, type WorkerOptions } from "./worker-process.ts";

/** Jobs shorter than this are handed out ahead, so that no worker waits for its pool. */
const aheadBelowMs = 50;
const watchEveryMs = 50;
const respawnMs = 1_000;

/** Keeps worker processes alive and shares the jobs at hand out among them. */
export class Dispatcher implements Runner {
  readonly #workers: number;
  readonly #options: WorkerOptions;
  readonly #listener: RunnerListener;
  readonly #slots = new Set<Slot>();
  readonly #oomKills = new OomKills();
  readonly #unseenDeaths = new UnseenDeaths();
  readonly #watching: Timer;
  /** First in, first out; the jobs of a list can be handed out together. */
  #backlog: HeldJob[][] = [];
  #isStopping = false;

  constructor(workers: number, options: WorkerOptions, listener: RunnerListener) {
    this.#workers = workers;
    this.#options = options;
    this.#listener = listener;
    for (let i = 0; i < workers; i++) this.#spawn();
    this.#watching = setInterval(() => this.#watch(), watchEveryMs);
  }

  get backlog(): number {
    return this.#backlog.reduce((sum, jobs) => sum + jobs.length, 0);
  }

  get idle(): number {
    return [...this.#slots].filter((slot) => slot.isEmpty && slot.hasRoom(false)).length;
  }

  get busy(): number {
    return [...this.#slots].filter((slot) => !slot.isEmpty).length;
  }

  get all(): HeldJob[] {
    return [...[...this.#slots].flatMap((slot) => slot.held), ...this.#backlog.flat()];
  }

  get isIdle(): boolean {
    return this.#backlog.length === 0 && [...this.#slots].every((slot) => slot.isEmpty);
  }

  get longRunning(): RunningJob[] {
    const since = performance.now() - longMs;
    return [...this.#slots].flatMap(({ running }) => {
      if (!running || running.since > since) return [];
      const { job, progress } = running;
      const { posting, seq, attempt } = job;
      const told = progress && { progress: progress.share, note: progress.note };
      return [{ posting: posting.id, seq, attempt, ...told }];
    });
  }

  output(postings: readonly number[]): LiveOutput[] {
    return [...this.#slots].flatMap((slot) => slot.output(postings) ?? []);
  }

  add(jobs: readonly HeldJob[]): void {
    this.#backlog.push(...alike(jobs));
    this.fill();
  }

  /** Hands out what is there: first to workers without work, then ahead to the others. */
  fill(): void {
    // What no worker has started is not to be started now.
    if (!this.#listener.mayStart()) return this.#slots.forEach((slot) => this.#takeFrom(slot));
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
      this.#end(slot, running, verdict.error.message, verdict.state);
    }
  }

  /** Ends what a worker runs: by its signal, where the job listens to that, and then by force. */
  #end(slot: Slot, running: Running, message: string, state: Verdict["state"]): void {
    const { chunk, position, job } = running;
    const { graceMs } = job.posting;
    const isHeard = slot.process.page.hasSignal(running);
    const name = state === "cancelled" ? "Cancelled" : "Timeout";
    slot.process.send({ kind: "stop", chunk, position, reason: { name, message } });
    slot.process.end(graceMs, isHeard ? Math.min(signalGraceMs, graceMs) : 0);
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
    if (message.kind === "lacking")
      this.#listener.onLacking(slot.takeBack(message), message.reason);
    if (message.kind === "late") this.#listener.onLate(slot.recall(Infinity, message.chunk));
    if (message.kind === "progress") return this.#progress(slot, message);
    if (message.kind === "profile") return this.#profile(slot, message);
    if (message.kind === "ended" && !this.#ended(slot, message)) return slot.process.kill();
    this.fill();
    this.#listener.onHungry();
  }

  /** False where it speaks of jobs that can't have ended in it: user code. */
  #ended(slot: Slot, { chunk, ends }: { chunk: number; ends: End[] }): boolean {
    for (const end of ends) {
      const job = slot.end(chunk, end.position);
      if (job === null) return false;
      end.output = slot.process.takeOutput(end.output);
      // What it throws while it is stopped is for that reason.
      const verdict = slot.verdict?.job === job && !end.isDone ? slot.verdict : null;
      if (verdict) this.#listener.onLost(verdict, stoppedEnd(verdict, end), slot.process.pid);
      else this.#listener.onEnd(job, end, slot.process.pid);
    }
    this.#retireIfWorn(slot);
    return true;
  }

  #progress(slot: Slot, { chunk, position, share, note }: ProgressMessage): void {
    const running = slot.look(performance.now());
    if (running?.chunk !== chunk || running.position !== position) return; // it has ended
    running.progress = { share, note };
    this.#listener.onProgress();
  }

  #profile(slot: Slot, { chunk, position, stacks }: ProfileMessage): void {
    const job = slot.peek(chunk, position);
    if (job) this.#listener.onProfile(job, { jobs: 1, stacks });
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
    const lost = running?.job ?? (slot.isReady ? this.#unseenDeaths.blame(slot.held) : null);
    if (lost) {
      const died: Verdict = { job: lost, state: "failed", error: reason };
      const verdict = slot.verdict?.job === lost ? slot.verdict : died;
      const end = lostEnd(verdict, now - (running?.since ?? now), slot.process.lastOutput());
      this.#listener.onLost(verdict, end, slot.process.pid);
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
