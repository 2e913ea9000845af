import { Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findSchedule } from "./schedule-named.ts";

/** A command that changes one schedule. */
export abstract class ScheduleCommand extends PdoflowCommand {
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
