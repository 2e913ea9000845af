import type { JobBatch } from "./batches.ts";

/** The jobs or characters that fill a batch. */
const jobsMax = 5_000;
const charactersMax = 1024 * 1024;

/** Collects jobs into batches for one statement each. */
export class JobBatcher {
  #args: string[] = [];
  #priorities: number[] | undefined;
  #characters = 0;

  /** Returns the batch if this job fills it. All jobs have a priority, or none has. */
  add(args: string, priority?: number): JobBatch | null {
    this.#args.push(args);
    if (priority !== undefined) (this.#priorities ??= []).push(priority);
    this.#characters += args.length;
    const isFull = this.#args.length >= jobsMax || this.#characters >= charactersMax;
    return isFull ? this.take() : null;
  }

  /** The jobs since the last batch; null if there are none. */
  take(): JobBatch | null {
    if (this.#args.length === 0) return null;
    const batch = { args: this.#args, priorities: this.#priorities };
    this.#args = [];
    this.#priorities = undefined;
    this.#characters = 0;
    return batch;
  }
}
