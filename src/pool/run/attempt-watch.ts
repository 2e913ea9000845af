import { type AttemptUsage, spanOf, type UsageSpans } from "../../domain/attempt-usage.ts";
import type { SpentCpu } from "../wire/ends.ts";
import { commandEntryPoint } from "../worker/command-line.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import { sampleTree, type TreeUsage } from "./process-tree.ts";

/** The first sample of a running job. The time to the next one is a quarter of its age … */
const firstSampleMs = 50;
/** … and at most this. */
const longestPauseMs = 1_000;

/** What a worker used in its whole life, as the system reports it at its end. */
export interface WorkerTotals {
  userUs: number;
  systemUs: number;
  /** Of the worker, or of its largest child; at least what the pool used when it started it. */
  peakBytes: number;
}

/**
 * Samples the processes of a running job. Nothing else shows the memory of several processes
 * together, of a command, and of a job whose worker is killed.
 */
export class AttemptWatch {
  readonly #pid: number;
  readonly #isCommand: boolean;
  /** The age at which the next sample is due. */
  #dueMs = firstSampleMs;
  #last: TreeUsage | null = null;
  /** The largest sum of resident memory so far; NaN before the first sample. */
  #peakBytes = NaN;

  constructor(pid: number, job: LeasedJob) {
    this.#pid = pid;
    this.#isCommand = job.posting.entryPoint === commandEntryPoint;
  }

  /** The sum of resident memory in the last sample; 0 before the first one. */
  get bytes(): number {
    const { ownBytes = 0, descendantsBytes = 0 } = this.#last ?? {};
    // A command needs no memory of the worker that waits for it.
    return descendantsBytes + (this.#isCommand ? 0 : ownBytes);
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Takes a sample if one is due. */
  poll(ageMs: number): void {
    if (ageMs < this.#dueMs) return;
    this.#dueMs = ageMs + Math.min(Math.max(ageMs / 4, firstSampleMs), longestPauseMs);
    this.sample();
  }

  sample(): void {
    const tree = sampleTree(this.#pid);
    if (tree === null) return;
    this.#last = tree;
    const seen = Math.max(this.bytes, tree.descendantPeakBytes, this.#peakBytes || 0);
    if (seen > 0) this.#peakBytes = seen;
  }

  /**
   * The usage of the job of a worker that has died. `spent` is the CPU time of its jobs before,
   * `poolPeakBytes` the peak of this process. Bytes are not known.
   */
  usageAtDeath(totals: WorkerTotals | null, spent: SpentCpu, poolPeakBytes: number): UsageSpans {
    const usage: AttemptUsage = {
      ...{ userUs: NaN, systemUs: NaN, readBytes: NaN, writtenBytes: NaN },
      peakBytes: this.#peakBytes,
    };
    if (totals !== null && spent !== null) {
      usage.userUs = Math.max(totals.userUs - spent[0], 0) + (this.#last?.descendantsUserUs ?? 0);
      usage.systemUs =
        Math.max(totals.systemUs - spent[1], 0) + (this.#last?.descendantsSystemUs ?? 0);
    }
    if (totals !== null && totals.peakBytes > poolPeakBytes) {
      usage.peakBytes = Math.max(usage.peakBytes || 0, totals.peakBytes);
    }
    return spanOf(1, usage);
  }
}
