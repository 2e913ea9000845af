import { addPruneSchedule, type NewSchedule } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { PruneCommand } from "../commands/prune.ts";

/** `prune` behind `schedule add`: pools of the owner prune, at the times of the schedule. */
export class ScheduledPrune extends PruneCommand {
  schedule: NewSchedule | null = null;

  override async run(): Promise<ExitCode> {
    if (this.dryRun) return await super.run();
    const { schedule } = this;
    if (!schedule) throw new Error("expected a schedule");
    const options = { ...this.filter(), osUser: this.context.osUser() };
    await this.withDatabase((db) => addPruneSchedule(db, schedule, options));
    return exitCodes.ok;
  }
}
