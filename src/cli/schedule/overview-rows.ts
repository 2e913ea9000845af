import type { ScheduleOverview } from "../../db/read/schedules.ts";
import { localText } from "../../domain/local-time.ts";
import { postedText } from "./fire-rows.ts";

export const scheduleHeader = ["schedule", "time", "next", "last", "result", "posting", "missed"];

/** The cells of a schedule in an overview. */
export const scheduleCells = (one: ScheduleOverview): (string | number)[] => [
  ...[one.name, one.timing],
  one.isPaused ? "paused" : one.firesAt === null ? "-" : localText(one.firesAt),
  one.lastAt === null ? "-" : localText(one.lastAt),
  ...[one.lastOutcome ?? "-", postedText(one), one.missed],
];
