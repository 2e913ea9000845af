import { Command, Option } from "clipanion";
import * as v from "valibot";

import { type FireRow, readFires, readNextTimes } from "../../db/posting/schedules.ts";
import type { ScheduleRow } from "../../db/posting/schedules.ts";
import { formatNeed, isCommandNeed } from "../../domain/capabilities.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import { postingOptions } from "../../domain/posting-options.ts";
import { timingText } from "../../domain/timing-text.ts";
import { durationText } from "../output/duration-text.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { fireColor, fireRows } from "./fire-rows.ts";
import { workText } from "./work-text.ts";
import { findSchedule } from "./schedule-named.ts";

const nextCount = 3;
const fireCount = 5;

export class ScheduleShowCommand extends PdoflowCommand {
  static override paths = [["schedule", "show"]];
  static override usage = Command.Usage({
    description: "show a schedule: what it posts, its next times and its last ones",
    details: "Times are shown in local time; next times are without jitter.",
  });
  name = Option.String({ name: "name" });

  async run(): Promise<ExitCode> {
    const found = await this.withDatabase(async (db) => {
      const schedule = await findSchedule(db, this.name);
      const fires = await readFires(db, this.name, fireCount);
      return { schedule, next: await readNextTimes(db, schedule, nextCount), fires: [...fires] };
    });
    const { schedule, ...rest } = found;
    if (this.json) this.printJson(outputSchemas["schedule show"], { ...schedule, ...rest });
    else this.#show(found);
    return exitCodes.ok;
  }

  #show({ schedule, next, fires }: { schedule: ScheduleRow; next: Date[]; fires: FireRow[] }) {
    const paint = this.paint("stdout");
    this.show(paint("bold", `schedule ${schedule.name}: ${stateOf(schedule)}`));
    for (const [what, text] of facts(schedule)) this.show(`  ${what.padEnd(8)}  ${text}`);
    for (const [i, time] of next.entries()) {
      this.show(`  ${(i === 0 ? "next" : "").padEnd(8)}  ${localText(time)}`);
    }
    if (fires.length === 0) this.show("  last      has not fired yet");
    else {
      this.print("");
      this.printTable(["last times", "result", "posting", "reason"], fireRows(fires), fireColor);
    }
  }
}

function stateOf({ isPaused, firesAt, name }: ScheduleRow): string {
  if (isPaused) return `paused; go on with: pdoflow schedule resume ${name}`;
  return firesAt === null ? "has no more times" : `fires next at ${localText(firesAt)}`;
}

/** Its settings, in words. */
function facts(schedule: ScheduleRow): (readonly [what: string, text: string])[] {
  const { timing, zone, entryPoint, flowName, jobCount, jitterMs, overlap, missed, until } =
    schedule;
  const words = timingText(timing);
  const isPrune = entryPoint === null && flowName === null;
  const count = isPrune ? "" : `, ${pluralize(jobCount, flowName === null ? "job" : "stage")}`;
  const options = Object.entries(schedule.options)
    .filter(([name]) => name !== "osUser" && name !== "command" && !isPrune)
    .map(([name, value]) => (name === "needs" ? needsText(value) : optionText(name, value)))
    .filter((text) => text !== null);
  return [
    ["time", `${timing}${words === null ? "" : `, ${words}`}, ${zone}`],
    [isPrune ? "runs" : "posts", `${workText(schedule)}${count}, as ${schedule.poster}`],
    ...(options.length > 0 ? [["options", options.join(", ")] as const] : []),
    ...(jitterMs > 0 ? [["jitter", `up to ${durationText(jitterMs)}`] as const] : []),
    ...(isPrune ? [] : [["overlap", overlapTexts[overlap] ?? overlap] as const]),
    ["missed", missedTexts[missed] ?? missed],
    ...(until === null ? [] : [["until", localText(until)] as const]),
  ];
}

/** As post --needs takes them; null if there is only the need of all commands. */
function needsText(value: unknown): string | null {
  const needs = v.parse(postingOptions.needs.schema, value);
  const texts = needs.filter((need) => !isCommandNeed(need)).map(formatNeed);
  return texts.length === 0 ? null : `needs ${texts.join(",")}`;
}

function optionText(name: string, value: unknown): string {
  if (typeof value === "number" && /Ms$|^(startBy|deadline)$/.test(name)) {
    return `${name.replace(/Ms$/, "")} ${durationText(value)}`;
  }
  return `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`;
}

const overlapTexts: Readonly<Record<string, string>> = {
  skip: "skip a time while the last posting has not ended",
  queue: "queue behind the last posting until it has ended",
  allow: "post although the last posting has not ended",
  cancel: "cancel the last posting if it has not ended",
};

const missedTexts: Readonly<Record<string, string>> = {
  last: "post the last time of the last 24 hours that no pool fired",
  none: "post no times that no pool fired",
  all: "post all times that no pool fired, at most the last 100",
};
