import { exitCodes, PdoflowError } from "../../domain/errors.ts";

export class ScheduleNotFound extends PdoflowError {
  override readonly name = "ScheduleNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(name: string) {
    super(`there is no schedule "${name}". List schedules with: pdoflow schedule list`);
  }
}
