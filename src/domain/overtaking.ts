import type { Counts } from "./capabilities.ts";
import type { Ledger } from "./ledger.ts";

/** Waiting jobs that take the same amounts, in their order. */
export interface WaitingClass {
  /** Equal for equal amounts. */
  key: string;
  counts: Counts;
  /** How long its first job has waited, in ms. */
  waitedMs: number;
}

/** A class with jobs that may start now. */
export interface OpenClass<C extends WaitingClass> {
  jobs: C;
  /** The number of its jobs that could start now. */
  fits: number;
  /** Whether its running jobs may be followed by others of it that take over their amounts. */
  mayFollow: boolean;
}

/** A job may be overtaken for this share of the time that it has waited for its turn. */
const overtakenShare = 1 / 4;

/**
 * The classes with jobs that may start now, in the order of `classes`, which is that of their first
 * jobs. A class whose first job does not fit is overtaken by others. If that has lasted for long
 * enough, what it needs is set aside, and others get the rest. `isOver` is only called for classes
 * that do not fit. `most` is the number of jobs that could start, whatever they take.
 */
export function openClasses<C extends WaitingClass>(
  classes: readonly C[],
  now: Ledger,
  most: number,
  isOver: (jobs: C) => boolean,
): OpenClass<C>[] {
  const free = now.copy();
  let mayFollow = true;
  const open: OpenClass<C>[] = [];
  for (const jobs of classes) {
    const fits = free.howMany(jobs.counts, most);
    if (fits > 0 || mayFollow) open.push({ jobs, fits, mayFollow });
    if (fits > 0 || !mayFollow || !isOver(jobs)) continue;
    free.setAside(jobs.counts);
    mayFollow = false;
  }
  return open;
}

/** Knows since when classes have been overtaken. Times are of one clock, in ms. */
export class Patience {
  readonly #overtaken = new Map<string, { since: number; untilMs: number }>();

  /** The first job of a class does not fit: whether it has been overtaken for long enough. */
  isOver({ key, waitedMs }: WaitingClass, now: number): boolean {
    const known = this.#overtaken.get(key) ?? { since: now, untilMs: waitedMs * overtakenShare };
    this.#overtaken.set(key, known);
    return now - known.since >= known.untilMs;
  }

  /** The first job of a class has started. */
  started(key: string): void {
    this.#overtaken.delete(key);
  }

  /** Forgets the classes that are not among these: they are empty. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#overtaken.keys()) if (!keys.has(key)) this.#overtaken.delete(key);
  }
}
