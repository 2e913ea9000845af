import { Command, Option } from "clipanion";
import * as v from "valibot";

import { type Db, explainDatabaseError } from "../../db/connection/connect.ts";
import { migrate, pendingMigrations, requireCurrentSchema } from "../../db/admin/migrations.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import {
  configuredTarget,
  embeddedSource,
  schemaName,
  type Target,
} from "../../db/connection/settings.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { type ServerPlace, serverPlace } from "../../domain/server-place.ts";
import { ensureServer } from "../../server/server.ts";
import { ColorChoice, type Color, type Paint, painter, usesColor } from "../output/color.ts";
import { confirm } from "./confirm.ts";
import type { CliContext } from "./context.ts";
import { errorLine, messageLine } from "./error-text.ts";
import { table } from "../output/table.ts";
import { visible, visibleJson } from "../output/escape-control.ts";

/** What all commands share: where the database is, and one way out for errors. */
export abstract class PdoflowCommand extends Command<CliContext> {
  database = Option.String("--database", {
    description:
      "URL of the PostgreSQL server; by default that of the environment, else the embedded one",
  });

  json = Option.Boolean("--json", false, {
    description: "print JSON, and messages and errors as JSON lines too (docs/json.md)",
  });
  color = Option.String("--color", {
    description: "auto, always or never; by default auto: on terminals, unless NO_COLOR is set",
  });

  quiet = Option.Boolean("-q,--quiet", false, {
    description: "print data and errors alone, no messages",
  });
  verbose = Option.Boolean("-v,--verbose", false, {
    description: "tell each statement and how long it took, without its parameters",
  });

  abstract run(): Promise<ExitCode>;

  /** Left alone, clipanion prints errors to stdout, where scripts read data. */
  override async execute(): Promise<ExitCode> {
    try {
      parse(ColorChoice, this.color, "--color");
      return await this.run();
    } catch (error) {
      this.context.stderr.write(errorLine(error, this.path, this.json));
      return error instanceof PdoflowError ? error.exitCode : exitCodes.bug;
    }
  }

  /** Data, for a script or a person. */
  print(text: string): void {
    this.context.stdout.write(`${text}\n`);
  }

  /** Text for a person, in which others may have written something. */
  show(text: string): void {
    this.print(visible(text));
  }

  /** Data of which there may be much: resolves once whoever reads it has kept up. */
  async printInPace(text: string): Promise<void> {
    const { stdout } = this.context;
    if (!stdout.write(text)) await new Promise((resolve) => stdout.once("drain", resolve));
  }

  /** Data as JSON, in one line: what docs/json.md promises of it, and no more. */
  printJson<const S extends v.GenericSchema<{ version: 1 }>>(
    schema: S,
    value: Omit<v.InferInput<S>, "version">,
  ): void {
    this.print(visibleJson(v.parse(schema, { version: 1, ...value })));
  }

  /** Prints what {@link tableText} makes. */
  printTable(...data: Parameters<PdoflowCommand["tableText"]>): void {
    this.print(this.tableText(...data));
  }

  /** Data as lines of columns: cut to a terminal's width, coloured where that is wanted. */
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

  /** A message for a person, never data. */
  say(text: string): void {
    if (this.quiet) return;
    this.context.stderr.write(this.json ? messageLine(text) : `${visible(text)}\n`);
  }

  paint(stream: "stdout" | "stderr"): Paint {
    const { isTerminal, env } = this.context;
    const choice = parse(ColorChoice, this.color, "--color");
    return painter(usesColor(choice, isTerminal[stream], env));
  }

  /**
   * Goes on where `isSure`, or someone at the terminal says yes to `what`: "cancel 3 postings".
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

  get embeddedPlace(): ServerPlace {
    return serverPlace(this.context);
  }

  /**
   * The server that flags and environment name, or the embedded one, started if it does not run.
   */
  async target(): Promise<Target & { isEmbedded: boolean }> {
    const watch = this.verbose ? { onStatement: this.#tellStatement } : {};
    const configured = configuredTarget(this.database, this.context.env);
    if (configured) return { ...configured, ...watch, isEmbedded: false };
    const address = await ensureServer(this.embeddedPlace, {
      onProgress: (sentence) => this.say(`pdoflow: ${sentence}`),
    });
    return {
      host: address.host,
      port: address.port,
      user: address.username,
      database: address.database,
      password: undefined,
      tls: false,
      schema: schemaName(this.context.env),
      source: embeddedSource,
      ...watch,
      isEmbedded: true,
    };
  }

  readonly #tellStatement = (text: string, ms: number) => {
    const line = text.replace(/\s+/g, " ").trim();
    this.say(
      `pdoflow: ${ms.toFixed(1)} ms: ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`,
    );
  };

  /**
   * Runs `work` with the database of the queue, whose schema is the one that this program knows.
   * The embedded server is migrated here; a configured one by `pdoflow migrate` alone.
   */
  async withDatabase<T>(work: (db: Db) => Promise<T>, { connections = 1 } = {}): Promise<T> {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections });
      // A look first: it takes one statement, and nearly always there is nothing to do.
      if (target.isEmbedded && (await pendingMigrations(db)).length > 0) await migrate(db);
      else await answered(db, requireCurrentSchema(db));
      return await work(db);
    });
  }

  /** Runs `work`, and says of an error of the database of `target` what it means. */
  async explaining<T>(target: Target, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainDatabaseError(error, target);
    }
  }
}
