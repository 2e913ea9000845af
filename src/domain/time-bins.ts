/** A period cut into bins of one length. Moments are milliseconds since 1970, by the database. */
export interface TimeBins {
  startMs: number;
  binMs: number;
  count: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Lengths whose multiples people read easily, in milliseconds. */
const lengths: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((ms) => ms),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 28].map((n) => n * day),
];

/** The shortest of these lengths of which `most` are enough for a period. */
export function evenLength(periodMs: number, most: number): number {
  const found = lengths.find((length) => periodMs / length <= most);
  return found ?? Math.ceil(periodMs / most / day) * day;
}

/** The bins of a period, at most `most` and one; they begin at a multiple of their length. */
export function binsOf(fromMs: number, toMs: number, most: number): TimeBins {
  const binMs = evenLength(Math.max(toMs - fromMs, 1), most);
  const startMs = Math.floor(fromMs / binMs) * binMs;
  return { startMs, binMs, count: Math.floor((toMs - startMs) / binMs) + 1 };
}

/** How many began, or ended, in one bin, and the sum of these moments since the first bin. */
export interface BinCount {
  bin: number;
  count: number;
  sumMs: number;
}

/**
 * The time in milliseconds that attempts ran in each bin, all together: 2,000 in a bin of a second
 * are two busy workers. It is exact, although the attempts themselves are unknown.
 */
export function busyMs(
  { binMs, count }: TimeBins,
  starts: readonly BinCount[],
  ends: readonly BinCount[],
): number[] {
  // The time that ran before a moment t is the sum of t - start over all starts before t, less the
  // sum of t - end over all ends before it.
  const running = Array.from({ length: count }, () => 0);
  const offset = [...running];
  const add = ({ bin, count: n, sumMs }: BinCount, sign: 1 | -1) => {
    const at = Math.min(Math.max(bin, 0), count - 1);
    running[at] = (running[at] ?? 0) + sign * n;
    offset[at] = (offset[at] ?? 0) + sign * sumMs;
  };
  for (const one of starts) add(one, 1);
  for (const one of ends) add(one, -1);
  let [allRunning, allOffset, before] = [0, 0, 0];
  return running.map((n, bin) => {
    allRunning += n;
    allOffset += offset[bin] ?? 0;
    const until = allRunning * (bin + 1) * binMs - allOffset;
    const own = until - before;
    before = until;
    return Math.max(0, own);
  });
}
