import type { JobRun } from "./leased-job.ts";
import { alike, type LeasedRun, RunList } from "./leased-run.ts";

/** Jobs that no worker has, first in, first out, and the size of their arguments. */
export class Backlog {
  #lists: RunList[] = [];

  get count(): number {
    return this.#lists.reduce((sum, { count }) => sum + count, 0);
  }

  /** Jobs that can be passed to a worker together, in their order. */
  get lists(): readonly RunList[] {
    return this.#lists;
  }

  get bytes(): number {
    return this.#lists.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get all(): LeasedRun[] {
    return this.#lists.flatMap(({ runs }) => runs);
  }

  /**
   * The number of jobs that idle workers could get; `room`: how many workers may have such jobs.
   */
  ready(room: (first: JobRun | undefined) => number): number {
    return this.#lists.reduce((sum, { count, first }) => sum + Math.min(count, room(first)), 0);
  }

  has(postingId: number): boolean {
    return this.#lists.some(({ first }) => first?.posting.id === postingId);
  }

  /** The first jobs that `isWanted` selects and that can be passed to a worker together. */
  find(isWanted: (first: JobRun) => boolean): RunList | undefined {
    return this.#lists.find(({ first }) => first !== undefined && isWanted(first));
  }

  /** The last list. */
  get last(): RunList | undefined {
    return this.#lists.at(-1);
  }

  push(runs: readonly LeasedRun[]): void {
    this.#lists.push(...alike(runs));
  }

  unshift(runs: readonly LeasedRun[]): void {
    this.#lists.unshift(...alike(runs));
  }

  /** Keeps only these of the jobs that were found. */
  replace(found: RunList, rest: RunList): void {
    const at = this.#lists.indexOf(found);
    this.#lists.splice(at, 1, ...(rest.count > 0 ? [rest] : []));
  }

  /** Takes the last `count` jobs of the last list. */
  takeLast(count: number): readonly LeasedRun[] {
    const last = this.#lists.pop();
    if (!last) return [];
    const [rest, taken] = last.split(last.count - count);
    if (rest.count > 0) this.#lists.push(rest);
    return taken.runs;
  }

  clear(): void {
    this.#lists = [];
  }
}
