import { Command, Option } from "clipanion";
import * as v from "valibot";

import { type Db, explainDatabaseError, isConnectionLoss } from "../../db/connection/connect.ts";
import { migrate, pendingMigrations } from "../../db/admin/migrations.ts";
import { schemaFault } from "../../db/admin/schema-fault.ts";
import { requireUsableSchema } from "../../db/admin/schema-state.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import {
  configuredTarget,
  embeddedTarget,
  schemaName,
  type Target,
} from "../../db/settings/target.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { type ServerPaths, serverPaths } from "../../db/settings/server-paths.ts";
import { type Glyphs, glyphsOf } from "../../../tui/draw/glyphs.ts";
import { terminalOf } from "../../../tui/draw/terminal.ts";
import { ensureServer } from "../../server/server.ts";
import { ColorChoice, type Color, type Paint, painter, usesColor } from "../output/color.ts";
import { confirm } from "./confirm.ts";
import type { CliContext } from "./context.ts";
import { errorLine, messageLine } from "./error-text.ts";
import type { BottomLine } from "./progress.ts";
import { table } from "../output/table.ts";
import type { PlotStyle } from "../plot/framed.ts";
import { escapeControl, toEscapedJson } from "../output/escape-control.ts";

/** The base of all commands: common options, the database, printing and errors. */
export abstract class PdoflowCommand extends Command<CliContext> {
  database = Option.String("--database", {
    description:
      "the URL of the PostgreSQL server (default: from the environment, else the embedded server)",
  });

  json = Option.Boolean("--json", false, {
    description: "print JSON, with messages and errors as JSON lines (docs/json.md)",
  });
  color = Option.String("--color", {
    description:
      "use colours: auto, always or never (default: auto, on terminals unless NO_COLOR is set)",
  });
  quiet = Option.Boolean("-q,--quiet", false, {
    description: "print data and errors only, no messages",
  });
  verbose = Option.Boolean("-v,--verbose", false, {
    description: "log every SQL statement with its duration, without parameters",
  });

  abstract run(): Promise<ExitCode>;

  /** A progress line, above which messages are printed. */
  bottomLine: BottomLine | null = null;

  /** By default clipanion prints errors to stdout, where scripts read data. */
  override async execute(): Promise<ExitCode> {
    try {
      parse(ColorChoice, this.color, "--color");
      return await this.run();
    } catch (error) {
      this.context.stderr.write(errorLine(error, this.path, this.json));
      return error instanceof PdoflowError ? error.exitCode : exitCodes.bug;
    }
  }

  /** Prints data to stdout. */
  print(text: string): void {
    this.context.stdout.write(`${text}\n`);
  }

  /** Prints text that may contain control characters from other users. */
  show(text: string): void {
    this.print(escapeControl(text));
  }

  /** Prints large data; resolves when the reader has kept up. */
  async printInPace(text: string): Promise<void> {
    const { stdout } = this.context;
    if (!stdout.write(text)) await new Promise((resolve) => stdout.once("drain", resolve));
  }

  /** Prints one line of JSON, with exactly the fields of docs/json.md. */
  printJson<const S extends v.GenericSchema<{ version: 1 }>>(
    schema: S,
    value: Omit<v.InferInput<S>, "version">,
  ): void {
    this.print(toEscapedJson(v.parse(schema, { version: 1, ...value })));
  }

  /** Prints what {@link tableText} makes. */
  printTable(...data: Parameters<PdoflowCommand["tableText"]>): void {
    this.print(this.tableText(...data));
  }

  /** A table as text, cut to the width of the terminal, with colours if they are enabled. */
  tableText(
    header: readonly string[],
    rows: readonly (readonly (string | number)[])[],
    colorOf: (cell: string) => Color | null = () => null,
  ): string {
    const isTerminal = this.context.isTerminal.stdout;
    const { columns, env } = this.context;
    const width = isTerminal ? Number(env["COLUMNS"]) || columns || 80 : null;
    return table(header, rows, { width, paint: this.paint("stdout"), colorOf });
  }

  /** The characters that stdout can show: UTF-8 in pipes, on terminals what they support. */
  shownCharacters(isAscii: boolean): { isUtf8: boolean; glyphs: Glyphs } {
    const { env, isTerminal } = this.context;
    // Also a terminal that cannot move its cursor, as in Emacs, shows UTF-8.
    const TERM = terminalOf(env, { color: "never", isAscii }) ? env["TERM"] : "xterm";
    const known = terminalOf({ ...env, TERM }, { color: "never", isAscii });
    const isPipe = !isTerminal.stdout && !isAscii;
    const isUtf8 = isPipe || known?.isUtf8 === true;
    return {
      isUtf8,
      glyphs: glyphsOf({ isUtf8, hasBraille: isPipe || known?.hasBraille === true }),
    };
  }

  /** The width, characters and colours for plots on stdout. */
  plotStyle(isAscii: boolean): PlotStyle {
    const { env, columns } = this.context;
    return {
      width: Math.max(30, Number(env["COLUMNS"]) || columns || 80),
      glyphs: this.shownCharacters(isAscii).glyphs,
      paint: this.paint("stdout"),
    };
  }

  /** Prints a message to stderr, never data. */
  say(text: string): void {
    if (this.quiet) return;
    const line = this.json ? messageLine(text) : `${escapeControl(text)}\n`;
    const print = () => void this.context.stderr.write(line);
    if (this.bottomLine) this.bottomLine.above(print);
    else print();
  }

  paint(stream: "stdout" | "stderr"): Paint {
    const { isTerminal, env } = this.context;
    const choice = parse(ColorChoice, this.color, "--color");
    return painter(usesColor(choice, isTerminal[stream], env));
  }

  /**
   * Returns if `isSure`, or if the user confirms `what`, such as "cancel 3 postings".
   *
   * @throws {NotConfirmed}
   */
  async confirm(what: string, isSure: boolean): Promise<void> {
    const { isTerminal, stdin, stderr } = this.context;
    await confirm(what, isSure, {
      isTerminal: isTerminal.stdin && isTerminal.stderr && !this.json,
      input: stdin,
      ask: (text) => void stderr.write(text),
    });
  }

  get embeddedPaths(): ServerPaths {
    return serverPaths(this.context);
  }

  /** The configured server, or the embedded one, which is started if necessary. */
  async target(): Promise<Target & { isEmbedded: boolean }> {
    const watch = this.verbose ? { onStatement: this.#logStatement } : {};
    const configured = configuredTarget(this.database, this.context.env);
    if (configured) return { ...configured, ...watch, isEmbedded: false };
    const address = await ensureServer(this.embeddedPaths, {
      onProgress: (sentence) => this.say(`pdoflow: ${sentence}`),
    });
    const embedded = embeddedTarget(address, schemaName(this.context.env));
    return { ...embedded, ...watch, isEmbedded: true };
  }

  readonly #logStatement = (text: string, ms: number) => {
    const line = text.replace(/\s+/g, " ").trim();
    this.say(
      `pdoflow: ${ms.toFixed(1)} ms: ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`,
    );
  };

  /**
   * Runs `work` with the database of the queue after checking its schema version. The embedded
   * server is migrated here; a configured server only by `pdoflow migrate`.
   */
  async withDatabase<T>(work: (db: Db) => Promise<T>, { connections = 1 } = {}): Promise<T> {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections });
      // Checked first, with one statement, because migrations are nearly never pending.
      if (target.isEmbedded && (await pendingMigrations(db)).length > 0) await migrate(db);
      else await answered(db, requireUsableSchema(db));
      return await work(db).catch(async (error: unknown) => {
        if (isConnectionLoss(error)) await db.abort(); // closing would wait for an answer
        throw error;
      });
    });
  }

  /** Runs `work` and explains errors of the database of `target`. */
  async explaining<T>(target: Target, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw (await schemaFault(error, target)) ?? explainDatabaseError(error, target);
    }
  }
}
