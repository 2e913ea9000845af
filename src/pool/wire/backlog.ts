import { alike, type LeasedJob } from "./leased-job.ts";

/** Jobs that no worker has, first in, first out, and the size of their arguments. */
export class Backlog {
  /** The jobs of a list can be passed to a worker together. */
  #lists: LeasedJob[][] = [];
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get all(): LeasedJob[] {
    return this.#lists.flat();
  }

  /**
   * The number of jobs that idle workers could get; `room`: how many workers may have such jobs.
   */
  ready(room: (first: LeasedJob | undefined) => number): number {
    return this.#lists.reduce((sum, jobs) => sum + Math.min(jobs.length, room(jobs[0])), 0);
  }

  has(postingId: number): boolean {
    return this.#lists.some((jobs) => jobs[0]?.posting.id === postingId);
  }

  /** The first jobs that `isWanted` selects and that can be passed to a worker together. */
  find(isWanted: (first: LeasedJob) => boolean): readonly LeasedJob[] | undefined {
    return this.#lists.find((jobs) => jobs[0] !== undefined && isWanted(jobs[0]));
  }

  /** The last list. */
  get last(): readonly LeasedJob[] {
    return this.#lists.at(-1) ?? [];
  }

  push(jobs: readonly LeasedJob[]): void {
    this.#lists.push(...alike(jobs));
    this.#add(jobs, 1);
  }

  unshift(jobs: readonly LeasedJob[]): void {
    this.#lists.unshift(...alike(jobs));
    this.#add(jobs, 1);
  }

  /** Takes up to `count` of the jobs of a list that was found. */
  take(found: readonly LeasedJob[], count: number): LeasedJob[] {
    const at = this.#lists.findIndex((list) => list === found);
    const taken = this.#lists[at]?.splice(0, count) ?? [];
    if (this.#lists[at]?.length === 0) this.#lists.splice(at, 1);
    this.#add(taken, -1);
    return taken;
  }

  /** Takes up to `count` jobs from the end of the last list. */
  takeLast(count: number): LeasedJob[] {
    const last = this.#lists.at(-1) ?? [];
    const taken = last.splice(Math.max(last.length - count, 0));
    if (last.length === 0) this.#lists.pop();
    this.#add(taken, -1);
    return taken;
  }

  clear(): void {
    this.#lists = [];
    this.#count = 0;
    this.#bytes = 0;
  }

  #add(jobs: readonly LeasedJob[], sign: 1 | -1): void {
    this.#count += sign * jobs.length;
    this.#bytes += sign * sizeOfArguments(jobs);
  }
}

/** The size in memory, in bytes, estimated: a Latin letter takes one byte. */
export function sizeOfArguments(jobs: readonly LeasedJob[]): number {
  let bytes = 0;
  for (const { args } of jobs) bytes += args.length;
  return bytes;
}

/** The number of first jobs, at least one, whose arguments have up to `bytesMax` in total. */
export function fitting(jobs: readonly LeasedJob[], count: number, bytesMax: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    bytes += jobs[i]?.args.length ?? 0;
    if (bytes > bytesMax) return Math.max(i, 1);
  }
  return count;
}
