import type { ScheduleRow } from "../../db/posting/schedules.ts";
import { durationText } from "../output/duration-text.ts";

/** What a schedule runs: an entry point, a command, a flow, or a prune. */
export function workText({ entryPoint, flowName, options }: ScheduleRow): string {
  const { command } = options;
  if (entryPoint !== null) return typeof command === "string" ? command : entryPoint;
  if (flowName !== null) return `flow ${flowName}`;
  return `prune --older-than ${durationText(Number(options["olderThanMs"]))}`;
}
