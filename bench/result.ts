// The results of a run of the bench: everything that is printed and plotted comes from here.
import { spreadOf } from "./measure.ts";

export type Unit =
  "jobs/s" | "ms" | "s" | "MB" | "x" | "%" | "count" | "bytes" | "µs" | "cores" | "per second";

/** What one contender reached, round by round. */
export interface Series {
  name: string;
  unit: Unit;
  values: readonly number[];
}

/** A figure that is held against a target, round by round; its median decides. */
export interface Check extends Series {
  /** Null where the figure is only reported. */
  bound: { atLeast: number } | { atMost: number } | { below: number } | null;
}

/** Figures that belong to places on an axis, for a plot. */
export interface Curve {
  title: string;
  xs: readonly (number | string)[];
  xTitle: string;
  unit: Unit;
  lines: readonly { name: string; ys: readonly number[] }[];
}

/** What a case hands over when it has run. */
export interface Findings {
  /** How much was measured: jobs, rounds and the like. */
  sizes: Readonly<Record<string, number>>;
  /** The settings that each contender ran with. */
  tuned?: Readonly<Record<string, string>>;
  series: readonly Series[];
  checks: readonly Check[];
  curves?: readonly Curve[];
  /** The contenders without figures, and why they have none. */
  absent?: Readonly<Record<string, string>>;
  /** What a reader has to know to read the figures right. */
  notes?: readonly string[];
}

export interface CaseResult extends Findings {
  name: string;
  what: string;
  target: string;
  tookSeconds: number;
  /** Why it has no figures; null where it ran to its end. */
  failure: string | null;
}

export interface Report {
  madeAt: string;
  isQuick: boolean;
  machine: Readonly<Record<string, string>>;
  versions: Readonly<Record<string, string>>;
  server: Readonly<Record<string, string>>;
  cases: readonly CaseResult[];
}

export type Verdict = "met" | "missed" | "reported";

export function verdictOf({ bound, values }: Check): Verdict {
  if (bound === null) return "reported";
  const { median } = spreadOf(values);
  if ("atLeast" in bound) return median >= bound.atLeast ? "met" : "missed";
  if ("atMost" in bound) return median <= bound.atMost ? "met" : "missed";
  return median < bound.below ? "met" : "missed";
}

/** A bound in words, such as "at least 5.00 x". */
export function boundText({ bound, unit }: Check): string {
  if (bound === null) return "";
  if ("atLeast" in bound) return `at least ${figure(bound.atLeast, unit)}`;
  if ("atMost" in bound) return `at most ${figure(bound.atMost, unit)}`;
  return `below ${figure(bound.below, unit)}`;
}

/** A figure with its unit. */
export function figure(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "none";
  if (unit === "jobs/s") return `${Math.round(value).toLocaleString("en")} jobs/s`;
  if (unit === "per second") return `${Math.round(value).toLocaleString("en")} per second`;
  if (unit === "count") return Math.round(value).toLocaleString("en");
  if (unit === "%" || unit === "MB" || unit === "bytes") return `${value.toFixed(1)} ${unit}`;
  return `${value.toFixed(2)} ${unit}`;
}
