import { Command, Option } from "clipanion";
import * as v from "valibot";

import { backfillSchedule, type BackfilledTime } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { localMoment } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { Progress } from "../shell/progress.ts";
import { postedText } from "./fire-rows.ts";
import { ScheduleCommand } from "./schedule-command.ts";

const Period = v.object({
  from: v.pipe(v.string("expected --from and --to"), localMoment),
  to: v.pipe(v.string("expected --from and --to"), localMoment),
});

export class ScheduleBackfillCommand extends ScheduleCommand {
  static override paths = [["schedule", "backfill"]];
  static override usage = Command.Usage({
    description: "post the jobs of a schedule for past times that have no posting",
    details: `
      Each time is posted in a transaction of its own. If it is interrupted, run it again: it
      continues where it stopped. A time that has posted before is kept as it is. --overlap does not
      apply: all times are posted at once, and nothing is cancelled.
    `,
    examples: [["A week", "$0 schedule backfill nightly --from 2026-11-01 --to 2026-11-08"]],
  });
  from = Option.String("--from", { description: "the first moment" });
  to = Option.String("--to", { description: "the last moment; times in the future do not fire" });

  async run(): Promise<ExitCode> {
    const period = parseFlags(Period, this);
    const times: BackfilledTime[] = [];
    const progress = new Progress(this, "backfill");
    await this.withSchedule(async (db) => {
      for await (const time of backfillSchedule(db, this.name, period)) {
        times.push(time);
        progress.show(`${pluralize(times.length, "time")}, now at ${localText(time.nominalAt)}`);
        if (!this.json) progress.above(() => this.#show(time));
      }
    }).finally(() => progress.end());
    if (this.json) this.printJson(outputSchemas["schedule backfill"], { times });
    else {
      const posted = times.filter(({ outcome }) => outcome === "posted").length;
      this.say(`${pluralize(times.length, "time")}, ${pluralize(posted, "new posting")}`);
    }
    return exitCodes.ok;
  }

  #show({ nominalAt, outcome, reason, ...posted }: BackfilledTime): void {
    const why = outcome === "posted" ? "" : ` ${outcome}${reason === null ? "" : `: ${reason}`}`;
    this.show(`${localText(nominalAt)} ${postedText(posted)}${why}`);
  }
}
