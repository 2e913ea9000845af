import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readFires, readNextTimes, readSchedules } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { fireColor, fireRows, postedText } from "./fire-rows.ts";
import { workText } from "./work-text.ts";
import { findSchedule } from "./schedule-named.ts";

const textOf = (moment: Date | null): string => (moment === null ? "-" : localText(moment));

export class ScheduleListCommand extends PdoflowCommand {
  static override paths = [["schedule", "list"]];
  static override usage = Command.Usage({ description: "list schedules with their next times" });

  async run(): Promise<ExitCode> {
    const schedules = await this.withDatabase((db) => readSchedules(db));
    if (this.json) this.printJson(outputSchemas["schedule list"], { schedules: [...schedules] });
    else {
      const isShared = new Set(schedules.map(({ poster }) => poster)).size > 1;
      this.printTable(
        [
          ...["schedule", ...(isShared ? ["poster"] : [])],
          ...["time", "zone", "next", "last posting", "runs"],
        ],
        schedules.map((one) => [
          ...[one.name, ...(isShared ? [one.poster] : []), one.timing, one.zone],
          one.isPaused ? "paused" : textOf(one.firesAt),
          ...[postedText(one), workText(one)],
        ]),
        (cell) => (cell === "paused" ? "yellow" : null),
      );
      if (schedules.length === 0) this.say("no schedules; add one with: pdoflow schedule add");
    }
    return exitCodes.ok;
  }
}

export class ScheduleNextCommand extends PdoflowCommand {
  static override paths = [["schedule", "next"]];
  static override usage = Command.Usage({
    description: "show the next times of a schedule, or of any time",
    details: "Times are shown in local time and without jitter.",
    examples: [
      ["The next ten times of a schedule", "$0 schedule next nightly"],
      ["Try a time before using it", "$0 schedule next '0 2 * * sun' 3 --zone Europe/Berlin"],
    ],
  });
  of = Option.String({ name: "name or time" });
  count = Option.String({ name: "count", required: false });
  zone = Option.String("--zone", { description: "the time zone of a time (default: UTC)" });

  async run(): Promise<ExitCode> {
    const { count } = parseFlags(v.object({ count: v.optional(wholeNumber(1, 1000), "10") }), this);
    const isTime = /\s|^@/.test(this.of);
    if (!isTime && this.zone !== undefined) {
      throw new InvalidInput("--zone", ["expected it only with a time, not with a schedule"]);
    }
    const times = await this.withDatabase(async (db) => {
      const timing = isTime
        ? { timing: this.of, zone: this.zone ?? "UTC", until: null, createdAt: null }
        : await findSchedule(db, this.of);
      return await readNextTimes(db, timing, count);
    });
    if (this.json) this.printJson(outputSchemas["schedule next"], { times });
    else for (const time of times) this.print(localText(time));
    return exitCodes.ok;
  }
}

export class ScheduleHistoryCommand extends PdoflowCommand {
  static override paths = [["schedule", "history"]];
  static override usage = Command.Usage({
    description: "show the last times of a schedule, and why a time posted nothing",
  });
  name = Option.String({ name: "name" });
  limit = Option.String("--limit", { description: "show at most N times (default: 20)" });

  async run(): Promise<ExitCode> {
    const { limit } = parseFlags(v.object({ limit: v.optional(wholeNumber(1, 400), "20") }), this);
    const fires = await this.withDatabase(async (db) => {
      await findSchedule(db, this.name);
      return await readFires(db, this.name, limit);
    });
    if (this.json) this.printJson(outputSchemas["schedule history"], { fires: [...fires] });
    else {
      this.printTable(["time", "result", "posting", "reason"], fireRows(fires), fireColor);
    }
    return exitCodes.ok;
  }
}
