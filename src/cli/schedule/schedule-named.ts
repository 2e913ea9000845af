import type { Db } from "../../db/connection/connect.ts";
import { readSchedules, type ScheduleRow } from "../../db/posting/schedules.ts";
import { ScheduleNotFound } from "../../domain/errors.ts";

/** @throws {ScheduleNotFound} */
export async function findSchedule(db: Db, name: string, hint = ""): Promise<ScheduleRow> {
  const [found] = await readSchedules(db, name);
  if (!found) throw new ScheduleNotFound(name, hint);
  return found;
}
