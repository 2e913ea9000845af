import { formatNeed } from "../domain/capabilities.ts";
import { durationUnits } from "../domain/duration-units.ts";
import { rateText } from "../domain/rate.ts";
import type { ReportedPosting } from "../db/read/figures/postings.ts";
import type { NamedOption } from "./figures.ts";

const units = Object.entries(durationUnits).toReversed();

/** A duration as options take it. */
function durationOption(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

/** The options of a posting that differ from their defaults, as flags of `pdoflow post`. */
export function optionTexts(posting: ReportedPosting): NamedOption[] {
  const { maxFailures, maxFailuresPercent, rateCount, rateMs, needs } = posting;
  const duration = (ms: number | null) => (ms === null ? null : durationOption(ms));
  const unless = <T>(usual: T, value: T) => (value === usual ? null : String(value));
  const all: [name: string, value: string | null][] = [
    ["--needs", needs.length === 0 ? null : needs.map(formatNeed).join(",")],
    ["--priority", posting.priority === null ? "several" : unless(0, posting.priority)],
    ["--max-attempts", unless(3, posting.maxAttempts)],
    ["--backoff", unless("1s", durationOption(posting.backoffMs))],
    ["--timeout", duration(posting.timeoutMs)],
    ["--grace", unless("5s", durationOption(posting.graceMs))],
    ["--stop-after", unless(20, posting.stopAfter)],
    ["--max-failures", maxFailures === null ? null : String(maxFailures)],
    ["--max-failures", maxFailuresPercent === null ? null : `${maxFailuresPercent}%`],
    ["--max-running", posting.maxRunning === null ? null : String(posting.maxRunning)],
    ["--max-rate", rateText(rateCount, rateMs)],
    ["--no-results", posting.keepsResults ? null : ""],
    ["--output", unless("failures", posting.keepsOutput)],
    ["--keep", duration(posting.keepMs)],
    ["--if-blocked", unless("hold", posting.ifBlocked)],
    ["--deadline", posting.deadline?.toISOString() ?? null],
  ];
  return all.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}
