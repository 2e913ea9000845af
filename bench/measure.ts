/** What one contender reached, in jobs for each second, round by round. */
export interface Series {
  name: string;
  rates: readonly number[];
}

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
 * How many times as fast `a` was as `b`, of each round by itself: whatever else the machine did
 * in a round slowed both.
 */
export function ratios(a: Series, b: Series): number[] {
  return a.rates.map((rate, round) => rate / (b.rates[round] ?? Number.NaN));
}

/** Lines of a table: the median, the least and the most of each series, and of their ratio. */
export function resultLines(what: string, a: Series, b: Series): string[] {
  const rate = (n: number) => Math.round(n).toLocaleString("en");
  const line = (name: string, { median, min, max }: Spread, text: (n: number) => string) =>
    what.padEnd(7) +
    name.padEnd(18) +
    [median, min, max].map((value) => text(value).padStart(11)).join("");
  return [
    line(a.name, spreadOf(a.rates), rate),
    line(b.name, spreadOf(b.rates), rate),
    line("ratio", spreadOf(ratios(a, b)), (n) => `${n.toFixed(2)} x`),
  ];
}

/** The means of the first tenth of the values, the second, and so on. */
export function tenths(values: readonly number[]): number[] {
  const cut = (tenth: number) => Math.round((values.length * tenth) / 10);
  return Array.from({ length: 10 }, (_, tenth) => mean(values.slice(cut(tenth), cut(tenth + 1))));
}

/** By what share of their mean the values rise (or fall, below 0) from one to the next, fitted. */
export function changePerRound(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const average = mean(values);
  const rise = values.reduce((sum, value, round) => sum + (round - middle) * (value - average), 0);
  const spread = values.reduce((sum, _value, round) => sum + (round - middle) ** 2, 0);
  return rise / spread / average;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
