/** A part of an axis whose ends and ticks are multiples of a round step. */
export interface Scale {
  /** The ends in steps. */
  from: number;
  to: number;
  step: RoundStep;
}

/** 1, 2 or 5 times a power of ten. */
export interface RoundStep {
  digit: 1 | 2 | 5;
  exponent: number;
}

/** Greater numbers are drawn at the edge, because the width of an axis must be finite. */
const greatest = 1e300;
/** A double has 15 to 17 digits: smaller steps next to a number cannot be told apart. */
const precision = 1e-12;
const leastExponent = -290;

/** The value of a number of steps, without the errors of repeated addition. */
export function valueAt(steps: number, { digit, exponent }: RoundStep): number {
  const units = steps * digit;
  return exponent < 0 ? units / 10 ** -exponent : units * 10 ** exponent;
}

/** The least round step of which `count` or fewer make up `span`. */
export function roundStep(span: number, count: number): RoundStep {
  const least = span / Math.max(1, count);
  if (!(least > 10 ** leastExponent)) return { digit: 1, exponent: leastExponent };
  const exponent = Math.floor(Math.log10(least));
  const digits = [1, 2, 5] as const;
  const digit = digits.find((each) => valueAt(1, { digit: each, exponent }) >= least * (1 - 1e-9));
  return digit ? { digit, exponent } : { digit: 1, exponent: exponent + 1 };
}

/** How many whole steps a value has; one just below a multiple, as of 0.3 / 0.1, counts as it. */
export function stepsOf(value: number, step: RoundStep): number {
  const steps = clamped(value) / valueAt(1, step);
  const nearest = Math.round(steps);
  return Math.abs(steps - nearest) <= 1e-9 * Math.max(1, Math.abs(steps))
    ? nearest
    : Math.floor(steps);
}

/** A scale of at most `count` steps, and two for its ends, that contains both values. */
export function scaleOf(least: number, most: number, count: number): Scale {
  const [low, high] = [clamped(least), clamped(most)];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const span = high > low ? high - low : size > 0 ? size / 10 : 1;
  const step = roundStep(Math.max(span, size * precision * count), count);
  const from = stepsOf(low, step);
  const last = stepsOf(high, step);
  const to = valueAt(last, step) < high ? last + 1 : last;
  return { from, to: Math.max(to, from + 1), step };
}

/** Where a value is on a scale, from 0 to 1. */
export function shareOf(value: number, { from, to, step }: Scale): number {
  const share = (clamped(value) / valueAt(1, step) - from) / (to - from);
  return Math.min(1, Math.max(0, share));
}

const clamped = (value: number) => Math.min(greatest, Math.max(-greatest, value));

/** A place on an axis, from 0 to 1, with its text. */
export interface Tick {
  share: number;
  text: string;
}

/** Ticks at round values, at most `count` and one. */
export function ticksOf(scale: Scale, count: number): Tick[] {
  const { from, to, step } = scale;
  const wide = roundStep(to - from, count);
  const each = Math.max(1, Math.ceil(valueAt(1, wide)));
  const places = Array.from(
    { length: Math.floor(to / each) - Math.ceil(from / each) + 1 },
    (_, at) => (Math.ceil(from / each) + at) * each,
  );
  const shift = Math.log10(each) % 1 === 0 ? Math.log10(each) : 0; // 1.20, 1.30 are 1.2, 1.3
  return places.map((steps) => ({
    share: (steps - from) / (to - from),
    text: numberText(valueAt(steps, step), step.exponent + shift),
  }));
}

/** A number with the digits down to a power of ten: `1,200`, `0.25`, `1.5e-7`. */
export function numberText(value: number, exponent: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 1e7 && exponent >= -6) {
    const digits = Math.max(0, -exponent);
    return value.toLocaleString("en", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  }
  const digits = Math.floor(Math.log10(Math.abs(value))) - exponent;
  return value.toExponential(Math.min(16, Math.max(0, digits))).replace("e+", "e");
}
