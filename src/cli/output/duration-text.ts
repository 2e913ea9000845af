import { durationUnits } from "../../domain/duration-units.ts";

const units = Object.entries(durationUnits).toReversed();

/** A duration as options take it: `500ms`, `1.5s`, `90s` or `2h`. */
export function durationText(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return ms > 1_000 && unit === "ms" ? `${ms / 1_000}s` : `${ms / size}${unit}`;
}
