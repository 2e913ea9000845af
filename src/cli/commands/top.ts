import { Command, Option } from "clipanion";
import * as v from "valibot";

import { onceText } from "../../../tui/once.ts";
import { terminalOf } from "../../../tui/draw/terminal.ts";
import { runTop } from "../../../tui/top.ts";
import { readSnapshot } from "../../db/dashboard/snapshot.ts";
import { readScheduleOverview } from "../../db/read/schedules.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, type ExitCode, PdoflowError, messageOf } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { ColorChoice } from "../output/color.ts";
import { parseFlags } from "../shell/flags.ts";
import { topProcess } from "../watch/top-process.ts";
import { mostSchedules, QueueSource } from "../watch/top-source.ts";

/** The terminal cannot show a dashboard. */
class NoTerminal extends PdoflowError {
  override readonly name = "NoTerminal";
  readonly exitCode = exitCodes.usage;
}

const Options = v.object({
  delay: v.optional(
    v.pipe(
      v.string(),
      v.transform(Number),
      v.number("expected seconds, such as 0.5 or 10"),
      v.minValue(0.5, "expected 0.5 seconds or more"),
      v.maxValue(60, "expected 60 seconds or less"),
    ),
    "2",
  ),
  theme: v.optional(
    v.picklist(["default", "colour-blind"], "expected default or colour-blind"),
    "default",
  ),
});

export class TopCommand extends PdoflowCommand {
  static override paths = [["top"]];
  static override usage = Command.Usage({
    description: "watch and control postings, pools and failures in a dashboard",
    details: `
      Opens a dashboard in the terminal. Press ? for the keys and q to quit. Without a terminal, or
      with --once, it prints one frame as text.
    `,
    examples: [
      ["Open the dashboard", "$0 top"],
      ["Print its data, for a script", "$0 top --json"],
      ["Print one frame as text", "$0 top --once"],
      ["Show it on a wall screen", "$0 top --read-only --delay 5"],
    ],
  });
  delay = Option.String("-d,--delay", {
    description: "seconds between refreshes, from 0.5 to 60 (default: 2)",
  });
  once = Option.Boolean("--once", false, { description: "print one frame as text and exit" });
  readOnly = Option.Boolean("--read-only", false, {
    description: "disable all keys that change something",
  });
  noMouse = Option.Boolean("--no-mouse", false, {
    description: "leave the mouse to the terminal, for selecting and copying text",
  });
  ascii = Option.Boolean("--ascii", false, { description: "draw with ASCII characters only" });
  theme = Option.String("--theme", {
    description: "the colours: default or colour-blind (default: default)",
  });

  #printJson(): Promise<ExitCode> {
    return this.withDatabase(async (db) => {
      const { postings, endedBySecond, pools, failures, ...rest } = await readSnapshot(db);
      this.printJson(outputSchemas.top, {
        ...rest,
        postings: [...postings],
        endedBySecond: [...endedBySecond],
        pools: [...pools],
        failures: [...failures],
        schedules: [...(await readScheduleOverview(db, mostSchedules))],
      });
      return exitCodes.ok;
    });
  }

  /** One frame, for a pipe, a log or a terminal without cursor control. */
  async #printOnce(): Promise<ExitCode> {
    const { env, columns } = this.context;
    const style = {
      columns: Math.max(30, Number(env["COLUMNS"]) || columns || 120),
      ...this.shownCharacters(this.ascii),
    };
    return await this.withDatabase(async (db) => {
      this.print(onceText(await readSnapshot(db), style));
      return exitCodes.ok;
    });
  }

  async run(): Promise<ExitCode> {
    const { delay, theme } = parseFlags(Options, this);
    const { env, isTerminal, stdin, stdout, onStopSignal } = this.context;
    const color = parse(ColorChoice, this.color, "--color");
    const terminal = terminalOf(env, { color, isAscii: this.ascii });
    if (this.json) return await this.#printJson();
    if (this.once || !isTerminal.stdin || !isTerminal.stdout) return await this.#printOnce();
    if (!terminal) {
      const term = env["TERM"] ? `TERM=${env["TERM"]}` : "no TERM";
      throw new NoTerminal(
        `expected a terminal that can move its cursor, found ${term}. ` +
          "Print one frame as text with: pdoflow top --once",
      );
    }
    // Reports a wrong address or a missing schema before the dashboard opens.
    await this.withDatabase(() => Promise.resolve());
    await using source = new QueueSource(await this.target());
    const signal = await runTop({
      source,
      input: stdin,
      output: stdout,
      outputFile: 1,
      terminal,
      theme,
      hasMouse: !this.noMouse,
      readOnly: this.readOnly ? "it was started with --read-only" : null,
      everyMs: delay * 1_000,
      onStopSignal,
      ...topProcess(this.context.cwd),
      messageOf,
    });
    return codeOf(signal);
  }
}

function codeOf(signal: string | null): ExitCode {
  switch (signal) {
    case null:
      return exitCodes.ok;
    case "SIGINT":
      return exitCodes.interrupted;
    default:
      return exitCodes.terminated;
  }
}
