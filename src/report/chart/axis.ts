import { evenLength } from "../../domain/time-bins.ts";
import { dateText, durationText, numberText, timeText } from "../text.ts";

/** A mark on an axis, at a position from 0 to 1. */
export interface AxisTick {
  at: number;
  label: string;
}

/** An axis from 0 up: its end, a round number, and its ticks. */
export interface ValueAxis {
  end: number;
  ticks: AxisTick[];
}

/** A linear axis for values up to `max`, with about `most` ticks at round numbers. */
export function linearScale(max: number, most = 4): ValueAxis {
  const step = roundStep(Math.max(max, 1e-9) / most);
  const count = Math.max(1, Math.ceil(max / step - 1e-9));
  const end = count * step;
  const ticks = Array.from({ length: count + 1 }, (_, i) => ({
    at: i / count,
    label: numberLabel(i * step, step),
  }));
  return { end, ticks };
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 5].find((each) => each * power >= step * (1 - 1e-9)) ?? 10;
  return factor * power;
}

const numberLabel = (value: number, step: number): string =>
  step >= 1
    ? numberText(value)
    : value.toFixed(Math.min(9, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));

/** Ticks of a period in local time, at most `most` and one, at round times. */
export function timeTicks(fromMs: number, toMs: number, most = 7): AxisTick[] {
  const span = toMs - fromMs;
  const step = evenLength(span, most);
  const offsetMs = new Date(fromMs).getTimezoneOffset() * 60_000;
  const ticks: AxisTick[] = [];
  // Round in local time: a day begins at midnight.
  for (let at = Math.ceil((fromMs - offsetMs) / step) * step + offsetMs; at <= toMs; at += step) {
    ticks.push({ at: span === 0 ? 0 : (at - fromMs) / span, label: timeLabel(at, step) });
  }
  return ticks;
}

function timeLabel(ms: number, step: number): string {
  const at = new Date(ms);
  if (step >= 86_400_000) return dateText(at).slice(5);
  if (step >= 60_000) return timeText(at, false);
  if (step >= 1_000) return timeText(at, true);
  const places = step >= 100 ? 1 : step >= 10 ? 2 : 3;
  return `${timeText(at, true)}.${String(at.getMilliseconds()).padStart(3, "0").slice(0, places)}`;
}

/** Durations that people know, in milliseconds. */
const decades: readonly number[] = [
  ...[0.001, 0.01, 0.1, 1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000],
  ...[86_400_000, 864_000_000, 8_640_000_000],
];
const between: readonly number[] = [
  ...[1e-3, 1e-2, 1e-1, 1, 10, 100, 1_000].flatMap((ms) => [ms, 2 * ms, 5 * ms]),
  ...[10, 20, 30, 60, 120, 300, 600, 1_200, 1_800].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 24, 48, 120, 240].map((hours) => hours * 3_600_000),
];

/** The position of a duration on a logarithmic axis, from 0 to 1. */
export const logPosition = (ms: number, fromMs: number, toMs: number): number =>
  Math.log((ms + 1e-3) / (fromMs + 1e-3)) / Math.log((toMs + 1e-3) / (fromMs + 1e-3));

/** Ticks of a logarithmic axis of durations: more between them if it is short. */
export function durationTicks(fromMs: number, toMs: number): AxisTick[] {
  const within = (list: readonly number[]) => list.filter((ms) => ms >= fromMs && ms <= toMs);
  const values = within(decades).length >= 4 ? within(decades) : within(between);
  const every = Math.ceil(values.length / 9);
  return values
    .filter((_, i) => i % every === 0)
    .map((ms) => ({ at: logPosition(ms, fromMs, toMs), label: durationText(ms) }));
}
