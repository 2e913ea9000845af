export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/**
 * How many times `b` each `a` was, of each round by itself: whatever else the machine did in a
 * round slowed both.
 */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / (b[round] ?? Number.NaN));
}

/** The value that a share of all values is at most, by nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The means of the first tenth of the values, the second, and so on. */
export function tenths(values: readonly number[]): number[] {
  const cut = (tenth: number) => Math.round((values.length * tenth) / 10);
  return Array.from({ length: 10 }, (_, tenth) => mean(values.slice(cut(tenth), cut(tenth + 1))));
}

/** By what share the last value differs from the first, in percent. */
export function lastAgainstFirst(values: readonly number[]): number {
  return ((values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN) - 1) * 100;
}

/** By what share of their mean the values rise (or fall, below 0) from one to the next, fitted. */
export function changePerRound(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const average = mean(values);
  const rise = values.reduce((sum, value, round) => sum + (round - middle) * (value - average), 0);
  const spread = values.reduce((sum, _value, round) => sum + (round - middle) ** 2, 0);
  return rise / spread / average;
}

export const sum = (values: readonly number[]): number =>
  values.reduce((all, value) => all + value, 0);

export const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Numbers from 0 up to before 1 that are the same in every run. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export async function clock(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
