import { Command, Option } from "clipanion";
import * as v from "valibot";

import {
  backfillSchedule,
  deleteSchedule,
  pauseSchedule,
  readFires,
  runSchedule,
} from "../../db/posting/schedules.ts";
import type { Db } from "../../db/connection/connect.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { localMoment } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { findSchedule } from "./schedule-named.ts";

/** A command that changes one schedule. */
abstract class ScheduleCommand extends PdoflowCommand {
  name = Option.String({ name: "name" });

  /** @throws {ScheduleNotFound} */
  async withSchedule<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return await this.withDatabase(async (db) => {
      await findSchedule(db, this.name);
      return await work(db);
    });
  }

  report(isChanged: boolean, did: string): ExitCode {
    const { name } = this;
    if (this.json) this.printJson(outputSchemas["schedule pause"], { name, isChanged });
    else this.say(isChanged ? `schedule ${name} was ${did}` : `schedule ${name}: not changed`);
    return exitCodes.ok;
  }
}

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
    description: "post the jobs of a schedule now, and print the number of the posting",
    details: "This uses up no time of the schedule. It may overlap with the last posting.",
  });

  async run(): Promise<ExitCode> {
    const { posting, reason } = await this.withSchedule(async (db) => {
      const id = await runSchedule(db, this.name);
      const [fire] = id === null ? await readFires(db, this.name, 1) : [];
      return { posting: id, reason: fire?.reason ?? null };
    });
    if (this.json) this.printJson(outputSchemas["schedule run"], { posting, reason });
    else if (posting !== null) this.print(String(posting));
    else this.say(`pdoflow schedule run: nothing was posted: ${reason ?? "see schedule history"}`);
    return posting === null ? exitCodes.jobsFailed : exitCodes.ok;
  }
}

const Period = v.object({
  from: v.pipe(v.string("expected --from and --to"), localMoment),
  to: v.pipe(v.string("expected --from and --to"), localMoment),
});

export class ScheduleBackfillCommand extends ScheduleCommand {
  static override paths = [["schedule", "backfill"]];
  static override usage = Command.Usage({
    description: "post the jobs of a schedule for past times that have no posting",
    examples: [["A week", "$0 schedule backfill nightly --from 2026-11-01 --to 2026-11-08"]],
  });
  from = Option.String("--from", { description: "the first moment" });
  to = Option.String("--to", { description: "the last moment; times in the future do not fire" });

  async run(): Promise<ExitCode> {
    const { from, to } = parseFlags(Period, this);
    const times = await this.withSchedule(async (db) => [
      ...(await backfillSchedule(db, this.name, from, to)),
    ]);
    if (this.json) this.printJson(outputSchemas["schedule backfill"], { times });
    else {
      for (const { nominalAt, postingId } of times) {
        this.print(`${localText(nominalAt)} ${postingId ?? "-"}`);
      }
      const posted = times.filter(({ postingId }) => postingId !== null).length;
      this.say(`${pluralize(times.length, "time")}, ${pluralize(posted, "new posting")}`);
    }
    return exitCodes.ok;
  }
}
