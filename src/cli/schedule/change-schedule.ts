import { Command } from "clipanion";
import { deleteSchedule, pauseSchedule, runSchedule } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { ScheduleCommand } from "./schedule-command.ts";

export class SchedulePauseCommand extends ScheduleCommand {
  static override paths = [["schedule", "pause"]];
  static override usage = Command.Usage({
    description: "pause a schedule: times that pass until `schedule resume` do not fire",
  });

  async run(): Promise<ExitCode> {
    const { name } = this;
    return this.report(await this.withSchedule((db) => pauseSchedule(db, name, true)), "paused");
  }
}

export class ScheduleResumeCommand extends ScheduleCommand {
  static override paths = [["schedule", "resume"]];
  static override usage = Command.Usage({ description: "resume a paused schedule" });

  async run(): Promise<ExitCode> {
    const { name } = this;
    return this.report(await this.withSchedule((db) => pauseSchedule(db, name, false)), "resumed");
  }
}

export class ScheduleDeleteCommand extends ScheduleCommand {
  static override paths = [["schedule", "delete"]];
  static override usage = Command.Usage({
    description: "delete a schedule and its history; its postings stay",
  });

  async run(): Promise<ExitCode> {
    await this.withSchedule((db) => deleteSchedule(db, this.name));
    return this.report(true, "deleted");
  }
}

export class ScheduleRunCommand extends ScheduleCommand {
  static override paths = [["schedule", "run"]];
  static override usage = Command.Usage({
    description: "post the jobs of a schedule now, and print the number of the posting or flow",
    details:
      "This uses up no time of the schedule. --overlap does not apply: it posts whatever else " +
      "runs, and cancels nothing.",
  });

  async run(): Promise<ExitCode> {
    const fire = await this.withSchedule((db) => runSchedule(db, this.name));
    const { outcome, postingId: posting, flowId: flow, reason } = fire;
    const id = posting ?? flow;
    if (this.json) {
      this.printJson(outputSchemas["schedule run"], { posting, flow, outcome, reason });
    } else if (id !== null) this.print(String(id));
    else this.say(`pdoflow schedule run: nothing was posted: ${reason ?? "see schedule history"}`);
    return id === null ? exitCodes.jobsFailed : exitCodes.ok;
  }
}
