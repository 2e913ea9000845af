import type { ScheduleRow } from "../../db/posting/schedules.ts";
import { durationText } from "../output/duration-text.ts";

/** What a schedule runs: an entry point, a flow, or a prune. */
export function workText({ entryPoint, flowName, options }: ScheduleRow): string {
  if (entryPoint !== null) return entryPoint;
  if (flowName !== null) return `flow ${flowName}`;
  return `prune --older-than ${durationText(Number(options["olderThanMs"]))}`;
}
