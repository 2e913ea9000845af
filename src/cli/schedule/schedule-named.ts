import type { Db } from "../../db/connection/connect.ts";
import { readSchedules, type ScheduleRow } from "../../db/posting/schedules.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";

class ScheduleNotFound extends PdoflowError {
  override readonly name = "ScheduleNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(name: string) {
    super(`there is no schedule "${name}". List schedules with: pdoflow schedule list`);
  }
}

/** @throws {ScheduleNotFound} */
export async function findSchedule(db: Db, name: string): Promise<ScheduleRow> {
  const [found] = await readSchedules(db, name);
  if (!found) throw new ScheduleNotFound(name);
  return found;
}
