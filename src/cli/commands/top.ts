import { Command, Option } from "clipanion";
import * as v from "valibot";

import { onceText } from "../../../tui/once.ts";
import { terminalOf } from "../../../tui/draw/terminal.ts";
import { runTop } from "../../../tui/top.ts";
import { readSnapshot } from "../../db/dashboard/snapshot.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { ColorChoice } from "../output/color.ts";
import { parseFlags } from "../shell/flags.ts";
import { textStyle } from "../watch/status-watch.ts";
import { topProcess } from "../watch/top-process.ts";
import { QueueSource } from "../watch/top-source.ts";
import { messageOf } from "../../domain/message-of.ts";

/** Nothing can be drawn where this runs. */
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
    description: "watch postings, pools and failures, and act on them",
    details: `
      A dashboard in the terminal: ? tells the keys, q leaves. Into a pipe, or with --once, it
      prints one frame as text.
    `,
    examples: [
      ["Watch", "$0 top"],
      ["What it shows, for a script", "$0 top --json"],
      ["Once, as text", "$0 top --once"],
      ["For a screen on the wall", "$0 top --read-only --delay 5"],
    ],
  });
  delay = Option.String("-d,--delay", {
    description: "seconds from one refresh to the next, 0.5 to 60; by default 2",
  });
  once = Option.Boolean("--once", false, {
    description: "print one frame as text and end, as it does without a terminal",
  });
  readOnly = Option.Boolean("--read-only", false, {
    description: "change nothing, whatever is pressed",
  });
  noMouse = Option.Boolean("--no-mouse", false, {
    description: "leave the mouse to the terminal, to select and copy",
  });
  ascii = Option.Boolean("--ascii", false, { description: "draw with ASCII alone" });
  theme = Option.String("--theme", { description: "default or colour-blind" });

  #printDocument(): Promise<ExitCode> {
    return this.withDatabase(async (db) => {
      const { postings, endedBySecond, pools, failures, ...rest } = await readSnapshot(db);
      this.printJson(documents.top, {
        ...rest,
        postings: [...postings],
        endedBySecond: [...endedBySecond],
        pools: [...pools],
        failures: [...failures],
      });
      return exitCodes.ok;
    });
  }

  /** One frame, for a pipe, a log or a terminal that can't be drawn on. */
  async #printOnce(): Promise<ExitCode> {
    const style = textStyle(this.context, this.ascii);
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
    if (this.json) return await this.#printDocument();
    if (this.once || !isTerminal.stdin || !isTerminal.stdout) return await this.#printOnce();
    if (!terminal) {
      const term = env["TERM"] ? `TERM=${env["TERM"]}` : "no TERM";
      throw new NoTerminal(
        `expected a terminal that can move its cursor, found ${term}. ` +
          `"pdoflow top --once" prints one frame as text.`,
      );
    }
    // A wrong address, or a schema that is missing, is told before the screen is taken.
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
