import type { LiveOutput } from "../../db/engine/follow.ts";
import type { RunningJob } from "../../db/engine/pools.ts";
import type { JobError } from "../../domain/attempt.ts";
import { lostEnd, stoppedEnd } from "./ended-attempt.ts";
import { Backlog } from "../wire/backlog.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { End, ProfileMessage, ProgressMessage, WorkerMessage } from "../wire/protocol.ts";
import {
  longMs,
  type Runner,
  type RunnerListener,
  signalGraceMs,
  timedOut,
  type Verdict,
} from "./runner.ts";
import { Sharing } from "./sharing.ts";
import type { Running, Slot } from "./slot.ts";
import { UnseenDeaths } from "./unseen-deaths.ts";
import type { WorkerOptions } from "./worker-process.ts";
import { WorkerSet } from "./worker-set.ts";

const watchEveryMs = 50;

/** Keeps worker processes alive and shares the jobs at hand out among them. */
export class Dispatcher implements Runner {
  readonly #options: WorkerOptions;
  readonly #listener: RunnerListener;
  readonly #slots: WorkerSet;
  readonly #unseenDeaths = new UnseenDeaths();
  readonly #watching: Timer;
  readonly #backlog = new Backlog();
  readonly #sharing: Sharing;
  #isStopping = false;

  constructor(workers: number, options: WorkerOptions, listener: RunnerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#slots = new WorkerSet(workers, options, {
      onMessage: (slot, message) => this.#receive(slot, message),
      onDeath: (slot, reason) => this.#bury(slot, reason),
      onStartFailed: (failure) => listener.onSpawnFailed(failure),
    });
    this.#sharing = new Sharing(workers, this.#slots, (entry) => listener.jobTime(entry));
    this.#slots.startMissing();
    this.#watching = setInterval(() => this.#watch(), watchEveryMs);
  }

  get backlog(): number {
    return this.#backlog.ready(this.#sharing.room);
  }

  get bytes(): number {
    return this.#slots.bytes + this.#backlog.bytes;
  }

  get idle(): number {
    return this.#slots.idle;
  }

  get busy(): number {
    return this.#slots.busy;
  }

  get all(): LeasedJob[] {
    return [...[...this.#slots].flatMap((slot) => slot.held), ...this.#backlog.all];
  }

  get isIdle(): boolean {
    return this.#backlog.count === 0 && this.#slots.busy === 0;
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

  isWaiting(postingId: number): boolean {
    return this.#backlog.has(postingId);
  }

  add(jobs: readonly LeasedJob[]): void {
    this.#backlog.push(jobs);
    this.fill();
  }

  /** Hands out what is there: first to workers without work, then ahead to the others. */
  fill(): void {
    // What no worker has started is not to be started now.
    if (!this.#listener.mayStart()) return this.#takeAllBack();
    for (const ahead of [false, true]) {
      for (const slot of this.#slots) {
        if (this.#backlog.count === 0) return;
        if (!slot.hasRoom(ahead)) continue;
        const jobs = this.#backlog.find((first) => this.#sharing.mayHave(slot, first, ahead)) ?? [];
        const count = this.#sharing.chunkOf(jobs);
        if (count > 0 && slot.mayCarry(jobs.slice(0, count))) {
          slot.hand(this.#backlog.take(jobs, count));
        }
      }
    }
  }

  /** Takes back what no worker has started, where `isWanted`, to be released (rule 4). */
  withdraw(isWanted: (job: LeasedJob) => boolean): LeasedJob[] {
    const all = [
      ...[...this.#slots].flatMap((slot) => slot.withdraw(Infinity)),
      ...this.#backlog.all,
    ];
    this.#backlog.clear();
    this.#backlog.push(all.filter((job) => !isWanted(job)));
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
    this.#backlog.clear();
    for (const slot of this.#slots) {
      this.#slots.delete(slot);
      slot.process.kill();
    }
    this.#slots.startMissing();
  }

  /** Ends the workers, whatever they do. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#watching);
    await this.#slots.stop();
  }

  #receive(slot: Slot, message: WorkerMessage): void {
    if (!this.#slots.has(slot)) return; // abandoned: its jobs are others' by now
    if (message.kind === "ready") this.#slots.ready(slot);
    if (message.kind === "lacking")
      this.#listener.onLacking(slot.takeBack(message), message.reason);
    if (message.kind === "late") {
      const late = slot.withdraw(Infinity, ({ number }) => number === message.chunk);
      if (late.length > 0) this.#listener.onLate(late);
    }
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

  #takeAllBack(): void {
    for (const slot of this.#slots) this.#takeFrom(slot);
  }

  #takeFrom(slot: Slot): void {
    this.#backlog.unshift(slot.withdraw(Infinity));
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
    this.#takeOver(slot.held.filter((job) => job !== lost));
    this.#slots.replace(slot, reason.message);
    this.fill();
    this.#listener.onHungry();
  }

  /** Jobs of a worker that died: to be handed to others or, without their arguments, released. */
  #takeOver(jobs: readonly LeasedJob[]): void {
    this.#backlog.unshift(jobs.filter(({ args }) => args !== ""));
    const bare = jobs.filter(({ args }) => args === "");
    if (bare.length > 0) this.#listener.onSurplus(bare);
  }

  #watch(): void {
    const now = performance.now();
    let hasNewLong = false;
    let hasLetGo = false;
    for (const slot of this.#slots) {
      const running = slot.look(now);
      const ageMs = running ? now - running.since : 0;
      hasNewLong ||= ageMs >= longMs && ageMs < longMs + watchEveryMs * 1.5;
      if (ageMs >= watchEveryMs) slot.process.boundOutput();
      hasLetGo = slot.letGo() || hasLetGo;
    }
    this.condemn(({ job, since }) => timedOut(job, now - since));
    if (hasNewLong) this.#listener.onLongJob();
    this.#steal(now);
    this.fill(); // it may not have been allowed to start any
    const count = this.#sharing.surplusOf(this.#backlog, this.#listener.hasPeers());
    if (count > 0) this.#listener.onSurplus(this.#backlog.takeLast(count));
    if (hasLetGo) this.#listener.onHungry();
  }

  #steal(now: number): void {
    if (this.backlog > 0 || this.idle === 0) return;
    this.#backlog.push(this.#slots.takeSpare(now, (job) => this.#sharing.room(job) > 0));
    this.fill();
  }
}
