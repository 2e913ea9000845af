import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readSchedules } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { rewriteWords } from "../shell/command-words.ts";
import { duration, momentOrDuration } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { processWords } from "../shell/process-words.ts";
import { commandTexts } from "../shell/reference.ts";
import { ScheduledFlow } from "./scheduled-flow.ts";
import { ScheduledPrune } from "./scheduled-prune.ts";
import { ScheduledPost } from "./scheduled-post.ts";

type ScheduledWork = ScheduledPost | ScheduledFlow | ScheduledPrune;

const Options = v.object({
  zone: v.optional(v.string()),
  jitter: v.optional(v.pipe(duration, v.maxValue(86_400_000, "expected at most 24h"))),
  overlap: v.optional(
    v.picklist(["skip", "queue", "allow", "cancel"], "expected skip, queue, allow or cancel"),
  ),
  missed: v.optional(v.picklist(["last", "none", "all"], "expected last, none or all")),
  until: v.optional(momentOrDuration),
});

export class ScheduleAddCommand extends PdoflowCommand {
  static override paths = [["schedule", "add"]];
  static override usage = Command.Usage({
    description: "post the same jobs again and again, at given times",
    details: `
      The time is a cron expression of five fields, \`@hourly\`, \`@daily\`, \`@weekly\`,
      \`@monthly\`, \`@yearly\`, or an interval such as \`every 90m\`. Running pools fire the
      schedule. The arguments are read now, up to 1 MiB; standard input only if the file is \`-\`. A
      schedule with the same name is replaced.
      The jobs can also be the stages of a flow. With prune, a pool whose role owns the queue prunes
      at these times. See docs/schedules.md.
    `,
    examples: [
      [
        "Post a report every night at two",
        "$0 schedule add nightly '0 2 * * *' --zone Europe/Berlin -- post report.ts#main --no-args",
      ],
      [
        "Run a command every quarter of an hour",
        "$0 schedule add sync '*/15 * * * *' -- post -- rsync -a data/ backup/",
      ],
      ["Prune every day", "$0 schedule add housekeeping @daily -- prune --older-than 30d"],
      ["Post a flow every night", "$0 schedule add night @daily -- flow post night.toml"],
    ],
  });
  name = Option.String({ name: "name" });
  timing = Option.String({ name: "time" });
  work = Option.Rest({ name: "-- post …, -- flow post … or -- prune …" });
  zone = Option.String("--zone", { description: "the time zone (default: UTC)" });
  jitter = Option.String("--jitter", {
    description: "fire up to this much later, by a fixed delay for each time (default: 0s)",
  });
  overlap = Option.String("--overlap", {
    description:
      "if the last posting has not ended: skip this time, queue, allow or cancel (default: skip)",
  });
  missed = Option.String("--missed", {
    description:
      "times that no pool fired: post the last one, if it is at most 24 hours old, none, or all, " +
      "but at most the last 100; a prune makes up for the last one at any age (default: last)",
  });
  until = Option.String("--until", {
    description: "the last moment at which it can fire: 30d from now, 2027-01-01 or tomorrow 18:00",
  });

  async run(): Promise<ExitCode> {
    const { jitter, ...settings } = parseFlags(Options, this);
    const work = this.#workCommand();
    const { name, timing } = this;
    work.schedule = { name, timing, settings: { ...settings, jitterMs: jitter } };
    const code = await work.run();
    const isStored = !work.dryRun && (!(work instanceof ScheduledPost) || work.check !== true);
    if (code !== exitCodes.ok || !isStored) return code;
    const [added] = await this.withDatabase((db) => readSchedules(db, name));
    const nextAt = added?.nominalAt ?? null;
    if (this.json) this.printJson(outputSchemas["schedule add"], { name, timing, nextAt });
    if (added?.isPaused === true) {
      this.say(`schedule ${name} is still paused; resume it with: pdoflow schedule resume ${name}`);
    } else if (!this.json && nextAt !== null) {
      this.say(`schedule ${name} fires next at ${localText(nextAt)}; running pools fire it`);
    }
    return exitCodes.ok;
  }

  /** The command line behind `--`. @throws {InvalidInput} */
  #workCommand(): ScheduledWork {
    const [first, second] = this.work;
    if (first !== "post" && first !== "prune" && !(first === "flow" && second === "post")) {
      throw new InvalidInput("arguments", [
        "expected -- post FN …, -- flow post FILE … or -- prune --older-than TIME, found " +
          (this.work.slice(0, 3).join(" ") || "nothing"),
      ]);
    }
    const work = { post: ScheduledPost, flow: ScheduledFlow, prune: ScheduledPrune }[first];
    const texts = commandTexts(work);
    const { command } = processWords([work], texts, {
      words: rewriteWords(this.work, texts[0]?.options ?? []),
      // As on a terminal, standard input is read only if it is named: in a loop of a shell it
      // belongs to the loop.
      context: {
        ...this.context,
        isTerminal: { ...this.context.isTerminal, stdin: true, stdout: false },
        // What it posts later does not belong to the trace of this command.
        env: { ...this.context.env, TRACEPARENT: undefined },
      },
    });
    const isWork =
      command instanceof ScheduledPost ||
      command instanceof ScheduledFlow ||
      command instanceof ScheduledPrune;
    if (!isWork) throw new InvalidInput("arguments", [`expected options of ${first}`]);
    command.database = this.database;
    return command;
  }
}
