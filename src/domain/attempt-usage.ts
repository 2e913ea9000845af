/**
 * The resources that an attempt used, or several attempts together; NaN if not measured. Times are
 * in µs, sizes in bytes. `peakBytes` is the largest of several attempts, the others are sums.
 */
export interface AttemptUsage {
  userUs: number;
  systemUs: number;
  peakBytes: number;
  readBytes: number;
  writtenBytes: number;
}

/** The order of these numbers in a {@link UsageSpans}, and in `outcome_run.usage` (U8). */
export const usageFields = [
  "userUs",
  "systemUs",
  "peakBytes",
  "readBytes",
  "writtenBytes",
] as const satisfies (keyof AttemptUsage)[];

/** An attempt of at least this length is measured alone. */
export const measuredAloneMs = 50;

/**
 * The usage of consecutive attempts, in spans of attempts that were measured together. Each span is
 * six numbers: the number of its attempts, then `usageFields`.
 */
export type UsageSpans = Float64Array;

const stride = 1 + usageFields.length;
const peakAt = 1 + usageFields.indexOf("peakBytes");

/** One span of `count` attempts. */
export const spanOf = (count: number, usage: AttemptUsage): UsageSpans =>
  Float64Array.of(count, ...usageFields.map((field) => usage[field]));

/** Attempts that were not measured. */
export const unmeasured: AttemptUsage = {
  ...{ userUs: NaN, systemUs: NaN, peakBytes: NaN, readBytes: NaN, writtenBytes: NaN },
};

/** Attempts that are measured with a later one, which has their CPU time. */
export const measuredLater: AttemptUsage = { ...unmeasured, userUs: 0, systemUs: 0 };

/** The numbers of attempts of the spans; 0 for anything but spans. */
export function attemptsIn(spans: UsageSpans): number {
  if (spans.length % stride !== 0) return 0;
  let sum = 0;
  for (let at = 0; at < spans.length; at += stride) {
    const count = spans[at] ?? 0;
    if (!Number.isInteger(count) || count < 1) return 0;
    sum += count;
  }
  return sum;
}

/** The attempts from `from` to before `to`: a part of a span has its share of the sums. */
export function sliceUsage(spans: UsageSpans, from: number, to: number): UsageSpans {
  const parts: number[] = [];
  let first = 0;
  for (let at = 0; at < spans.length && first < to; at += stride) {
    const count = spans[at] ?? 0;
    const taken = Math.min(to, first + count) - Math.max(from, first);
    first += count;
    if (taken <= 0) continue;
    parts.push(taken);
    for (let i = 1; i < stride; i++) {
      const value = spans[at + i] ?? NaN;
      parts.push(i === peakAt ? value : (value * taken) / count);
    }
  }
  return new Float64Array(parts);
}

/** The same, with at least this peak for the attempt at an index, if it was measured alone. */
export function raisePeak(spans: UsageSpans, index: number, peakBytes: number): UsageSpans {
  const raised = spans.slice();
  let first = 0;
  for (let at = 0; at < raised.length; at += stride) {
    const count = raised[at] ?? 0;
    first += count;
    if (index >= first) continue;
    if (count > 1) break;
    raised[at + peakAt] = larger(raised[at + peakAt] ?? NaN, peakBytes);
    break;
  }
  return raised;
}

/** Adds the spans up: what was not measured counts as nothing, unless nothing was measured. */
export function totalUsage(all: readonly UsageSpans[]): AttemptUsage {
  const total = { ...unmeasured };
  for (const spans of all) {
    for (let at = 0; at < spans.length; at += stride) {
      for (const [i, field] of usageFields.entries()) {
        const value = spans[at + 1 + i] ?? NaN;
        if (Number.isNaN(value)) continue;
        const isPeak = field === "peakBytes";
        total[field] = isPeak ? larger(total[field], value) : (total[field] || 0) + value;
      }
    }
  }
  return total;
}

/** The usage of each attempt: of attempts that were measured together, the average. */
export function* eachUsage(spans: UsageSpans): Generator<AttemptUsage> {
  for (let at = 0; at < spans.length; at += stride) {
    const count = spans[at] ?? 0;
    const usage = totalUsage([sliceUsage(spans.subarray(at, at + stride), 0, 1)]);
    for (let i = 0; i < count; i++) yield usage;
  }
}

const larger = (a: number, b: number): number =>
  Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
