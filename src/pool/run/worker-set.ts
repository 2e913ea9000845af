import type { JobError } from "../../domain/attempt.ts";
import type { Share } from "../../domain/ledger.ts";
import { Guard } from "./guard.ts";
import type { JobRun } from "../wire/leased-job.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import { MemoryGroups } from "./memory-groups.ts";
import { OomKills } from "./oom-kills.ts";
import type { WorkerMessage } from "../wire/protocol.ts";
import { WorkerSlot } from "./worker-slot.ts";
import { WorkerProcess, type WorkerOptions } from "./worker-process.ts";
import { type StartFailure, WorkerStarts } from "./worker-starts.ts";

export interface WorkerSetListener {
  onMessage(slot: WorkerSlot, message: WorkerMessage): void;
  onWorkerExit(slot: WorkerSlot, reason: JobError): void;
  onStartFailed(failure: StartFailure): void;
}

/** The workers of a pool: keeps the wanted number of them alive. */
export class WorkerSet {
  readonly #wanted: number;
  readonly #options: WorkerOptions;
  readonly #listener: WorkerSetListener;
  readonly #slots = new Set<WorkerSlot>();
  readonly #oomKills = new OomKills();
  readonly #guard: Guard;
  readonly #memory: MemoryGroups;
  readonly #starts: WorkerStarts;
  #isStopped = false;

  constructor(wanted: number, options: WorkerOptions, listener: WorkerSetListener) {
    this.#wanted = wanted;
    const log = options.log ?? (() => {});
    this.#guard = new Guard(options.program, log);
    this.#memory = new MemoryGroups(log, {
      onMoved: () => this.#oomKills.moved(),
    });
    this.#options = { ...options, guard: this.#guard };
    this.#listener = listener;
    this.#starts = new WorkerStarts({
      start: () => this.startMissing(),
      hasReady: () => [...this.#slots].some((slot) => slot.isReady),
      onFailed: (failure) => listener.onStartFailed(failure),
    });
  }

  [Symbol.iterator](): SetIterator<WorkerSlot> {
    return this.#slots.values();
  }

  has(slot: WorkerSlot): boolean {
    return this.#slots.has(slot);
  }

  delete(slot: WorkerSlot): boolean {
    return this.#slots.delete(slot);
  }

  get idle(): number {
    return [...this.#slots].filter((slot) => slot.isEmpty && slot.hasRoom(false)).length;
  }

  get busy(): number {
    return [...this.#slots].filter((slot) => !slot.isEmpty).length;
  }

  /** The size of the kept arguments of their jobs. */
  get bytes(): number {
    return [...this.#slots].reduce((sum, slot) => sum + slot.bytes, 0);
  }

  /** Takes half of the jobs that the fullest worker can spare and others may run. */
  takeSpare(now: number, mayGo: (newest: JobRun | undefined) => boolean): LeasedRun[] {
    let [fullest, most]: [WorkerSlot | null, number] = [null, 0];
    for (const slot of this.#slots) {
      const spare = mayGo(slot.newest) ? slot.spare(now) : 0;
      if (spare > most) [fullest, most] = [slot, spare];
    }
    return fullest?.takeSpare(Math.ceil(most / 2), now) ?? [];
  }

  /** Starts missing workers; if the system has no room for more, starts the rest later. */
  startMissing(): void {
    while (this.isMissingAny) if (!this.start(null)) return;
  }

  /** Whether it has fewer workers than wanted. */
  get isMissingAny(): boolean {
    return !this.#isStopped && this.#slots.size < this.#wanted;
  }

  /** Starts a worker with this share; null if the system has no room for it now. */
  start(share: Share | null): WorkerSlot | null {
    try {
      const number = this.#freeNumber();
      const most = share?.counts["mem"];
      const memory = most === undefined ? null : this.#memory.create(most);
      const slot: WorkerSlot = new WorkerSlot(
        new WorkerProcess({ ...this.#options, number, share, memory }, this.#oomKills, {
          onMessage: (message) => this.#listener.onMessage(slot, message),
          onExit: (reason) => this.#listener.onWorkerExit(slot, reason),
        }),
        number,
        share,
      );
      this.#slots.add(slot);
      return slot;
    } catch (error) {
      this.#starts.failed(error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  /** Ends a worker without jobs, and starts one with this share instead. */
  exchange(slot: WorkerSlot, share: Share | null): WorkerSlot | null {
    this.#slots.delete(slot);
    slot.process.kill();
    return this.start(share);
  }

  /** The lowest number from 1 that no worker has. */
  #freeNumber(): number {
    const taken = new Set([...this.#slots].map(({ number }) => number));
    let free = 1;
    while (taken.has(free)) free++;
    return free;
  }

  /** This worker is ready for jobs. */
  ready(slot: WorkerSlot): void {
    slot.isReady = true;
    this.#starts.ready();
  }

  /** This worker has ended: starts another one, at once unless that would end in the same way. */
  replace(slot: WorkerSlot, reason: string): void {
    if (slot.isReady) this.startMissing();
    else this.#starts.failed(reason);
  }

  /** Kills all workers, or only those without a job if it `isGraceful`, and starts no more. */
  async stop({ isGraceful }: { isGraceful: boolean }): Promise<void> {
    this.#isStopped = true;
    this.#starts.stop();
    this.#oomKills[Symbol.dispose]();
    for (const slot of this.#slots) if (!isGraceful || slot.isEmpty) slot.process.kill();
    await Promise.all([...this.#slots].map((slot) => slot.process.exited));
    if (isGraceful) return;
    await this.#guard.close();
    await this.#memory.close();
  }
}
