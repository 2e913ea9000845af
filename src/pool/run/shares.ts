import type { Counts, Provides } from "../../domain/capabilities.ts";
import { classKey, plainCounts } from "../../domain/job-class.ts";
import { Ledger, type Share } from "../../domain/ledger.ts";
import type { JobRun } from "../wire/leased-job.ts";
import type { RunList } from "../wire/leased-run.ts";
import type { WorkerSet } from "./worker-set.ts";
import type { WorkerSlot } from "./worker-slot.ts";

const plainShare: Share = { counts: plainCounts, devices: {} };

/** The part of a dispatcher that its shares need. */
interface SharesContext {
  slots: WorkerSet;
  /** What the jobs of a route take; null if they count nothing. */
  countsOf(routeId: number): Counts | null;
  /** How many more workers may have jobs of the lease of these (L4). */
  room(run: JobRun): number;
}

/**
 * Divides the resources of a pool among its workers. A worker belongs to a share from its start,
 * because it has it in its environment. It holds the share while it has jobs: then no other worker
 * has any part of it. A worker whose share is needed otherwise is replaced.
 */
export class Shares {
  readonly #ledger: Ledger;
  readonly #workers: number;
  readonly #context: SharesContext;

  /** A pool that says nothing of its cpus has one for each worker. */
  constructor(provides: Provides, workers: number, context: SharesContext) {
    this.#ledger = Ledger.of({ cpus: workers, ...provides });
    this.#workers = workers;
    this.#context = context;
  }

  /** What no worker holds. */
  get free(): Ledger {
    return this.#ledger;
  }

  /** The workers that hold a share for jobs of a class. */
  holding(key: string): WorkerSlot[] {
    return [...this.#context.slots].filter((slot) => slot.holdsShare && classOf(slot) === key);
  }

  classOf(run: JobRun): string {
    return classKey(this.#countsOf(run));
  }

  /** Whether another worker could have such jobs now. */
  fits(run: JobRun): boolean {
    return this.#ledger.fits(this.#countsOf(run) ?? plainCounts);
  }

  /** How many workers run such jobs at a time: as many as now, if the jobs count something. */
  workersFor(run: JobRun): number {
    if (this.#countsOf(run) === null) return this.#workers;
    return Math.max(this.holding(this.classOf(run)).length, 1);
  }

  #countsOf = ({ posting }: JobRun) => this.#context.countsOf(posting.routeId);

  /** Whether a worker holds what such jobs take. */
  mayHave(slot: WorkerSlot, run: JobRun): boolean {
    return slot.holdsShare && classOf(slot) === this.classOf(run);
  }

  /**
   * Gives workers without jobs what the next jobs take, in the order of the jobs. Starts missing
   * workers only with `startsMissing`: starts that fail are repeated less and less often.
   */
  assign(lists: readonly RunList[], { startsMissing } = { startsMissing: false }): void {
    const { slots } = this.#context;
    const mayAdd = () => startsMissing && slots.isMissingAny;
    const spare = new Set([...slots].filter((slot) => isSpare(slot)));
    const waiting = [...spare].filter((slot) => slot.holdsShare);
    for (const { first, count } of lists) {
      if (spare.size === 0 && !mayAdd()) return;
      if (!first) continue;
      const key = this.classOf(first);
      for (let left = Math.min(count, this.#context.room(first)); left > 0; left--) {
        // First one that is ready: another one takes a while to start.
        const slot =
          [...spare].find((each) => each.isReady && classOf(each) === key && this.#hold(each)) ??
          take(waiting, (each) => classOf(each) === key) ??
          this.#start(first, spare, mayAdd());
        if (!slot) break;
        spare.delete(slot);
      }
    }
  }

  /** Starts a worker with a new share, if there is one, in place of one that is spare. */
  #start(first: JobRun, spare: Set<WorkerSlot>, mayAdd: boolean): WorkerSlot | null {
    const { slots } = this.#context;
    const free = [...spare].filter((slot) => !slot.holdsShare);
    if (free.length === 0 && !mayAdd) return null;
    const counts = this.#countsOf(first);
    // The first one of them that is ready gets the job.
    const areStarting = free.some((slot) => slot.share === null && !slot.isReady);
    if (counts === null && areStarting) return null;
    const share = counts === null ? null : this.#ledger.take(counts);
    if (counts === null ? !this.#ledger.takeAgain(plainShare) : share === null) return null;
    // They may still use the devices.
    const [victim, ...others] = free
      .filter((slot) => share && overlap(slot, share))
      .concat(mayAdd ? [] : free.filter((slot) => !share || !overlap(slot, share)));
    for (const other of others) {
      if (share && overlap(other, share)) {
        spare.delete(other);
        slots.exchange(other, null);
      }
    }
    if (victim) spare.delete(victim);
    const started = victim ? slots.exchange(victim, share) : slots.start(share);
    if (started) started.holdsShare = true;
    else this.#ledger.give(share ?? plainShare);
    return started;
  }

  #hold(slot: WorkerSlot): boolean {
    if (slot.holdsShare) return false;
    slot.holdsShare = this.#ledger.takeAgain(slot.share ?? plainShare);
    return slot.holdsShare;
  }

  /** Takes the shares of ready workers without jobs back. Returns these workers. */
  release(): WorkerSlot[] {
    const unused = [...this.#context.slots].filter(
      (slot) => slot.holdsShare && slot.isEmpty && slot.isReady,
    );
    for (const slot of unused) this.drop(slot);
    return unused;
  }

  /** A worker has ended, or has no jobs any more. */
  drop(slot: WorkerSlot): void {
    if (!slot.holdsShare) return;
    slot.holdsShare = false;
    this.#ledger.give(slot.share ?? plainShare);
  }
}

const classOf = ({ share }: WorkerSlot): string => classKey(share && share.counts);

const isSpare = (slot: WorkerSlot): boolean =>
  slot.isEmpty && !slot.isReplaced && slot.termination === null;

/** Whether a worker has a device of this share. */
const overlap = (slot: WorkerSlot, share: Share): boolean =>
  Object.entries(slot.share?.devices ?? {}).some(([name, devices]) =>
    devices.some((device) => share.devices[name]?.includes(device)),
  );

/** Removes the first one that fits, and returns it. */
function take<T>(from: T[], isIt: (each: T) => boolean): T | undefined {
  const at = from.findIndex(isIt);
  return at < 0 ? undefined : from.splice(at, 1)[0];
}
