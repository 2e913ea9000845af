import { type BaseContext, Command, Option } from "clipanion";

import { type Db, explainDatabaseError } from "../db/connect.ts";
import { migrate, requireCurrentSchema } from "../db/migrations.ts";
import { answered, openDatabase } from "../db/open.ts";
import { configuredTarget, schemaName, type Target } from "../db/settings.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../domain/errors.ts";
import { type ServerPlace, serverPlace } from "../domain/server-place.ts";
import { ensureServer } from "../server/server.ts";

/** What main.ts knows of the process; commands read nothing else of it. */
export interface CliContext extends BaseContext {
  cwd: string;
  pid: number;
  uid: number;
  host: string;
  home: string;
  /** The name of the user that this runs as. */
  osUser: () => string;
  platform: string;
  cores: number;
  /** The command that starts this program again: the binary, or Bun and src/main.ts. */
  program: readonly string[];
  isTerminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Calls back at each SIGTERM, SIGINT or SIGHUP until the returned function is called. */
  onStopSignal: (listener: (signal: string) => void) => () => void;
}

/** What all commands share: where the database is, and one way out for errors. */
export abstract class PdoflowCommand extends Command<CliContext> {
  database = Option.String("--database", {
    description:
      "URL of the PostgreSQL server; by default that of the environment, else the embedded one",
  });

  abstract run(): Promise<ExitCode>;

  /** Left alone, clipanion prints errors to stdout, where scripts read data. */
  override async execute(): Promise<ExitCode> {
    try {
      return await this.run();
    } catch (error) {
      if (error instanceof PdoflowError) {
        this.say(`pdoflow ${this.path.join(" ")}: ${error.message}`);
        return error.exitCode;
      }
      this.say(`pdoflow: this is a fault of pdoflow, please report it.\n${Bun.inspect(error)}`);
      return exitCodes.bug;
    }
  }

  /** Data, for a script or a person. */
  print(text: string): void {
    this.context.stdout.write(`${text}\n`);
  }

  /** A message for a person, never data. */
  say(text: string): void {
    this.context.stderr.write(`${text}\n`);
  }

  get embeddedPlace(): ServerPlace {
    return serverPlace(this.context);
  }

  /**
   * The server that flags and environment name, or the embedded one, started if it does not run.
   */
  async target(): Promise<Target & { isEmbedded: boolean }> {
    const configured = configuredTarget(this.database, this.context.env);
    if (configured) return { ...configured, isEmbedded: false };
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
      source: "the embedded server",
      isEmbedded: true,
    };
  }

  /**
   * Runs `work` with the database of the queue, whose schema is the one that this program knows.
   * The embedded server is migrated here; a configured one by `pdoflow migrate` alone.
   */
  async withDatabase<T>(work: (db: Db) => Promise<T>, { connections = 1 } = {}): Promise<T> {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections });
      if (target.isEmbedded) await migrate(db);
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
