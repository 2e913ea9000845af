import postgres from "postgres";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { describeTarget, type Target } from "./settings.ts";

export type Sql = postgres.Sql<{ bigint: number }>;
export type Tx = postgres.TransactionSql<{ bigint: number }>;

/** A pool of connections to the database that holds the queue. */
export interface Db extends AsyncDisposable {
  sql: Sql;
  /** The schema's name as a fragment of SQL: sql`select … from ${db.schema}.posting`. */
  schema: postgres.Helper<string>;
  target: Target;
  /** Ends all connections, waiting up to five seconds for statements that run. */
  close(): Promise<void>;
  /** Ends all connections at once; what was asked is rejected. */
  abort(): Promise<void>;
}

export interface ConnectOptions {
  connections: number;
  /** Called for each notification of a channel that a connection listens to. */
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * Opens up to `connections` connections when they are first needed. Identifiers (bigint) come as
 * numbers: they count rows, and stay far below 2^53.
 */
export function connect(target: Target, { connections, onNotify }: ConnectOptions): Db {
  // Not `sql.listen`: that opens another connection, which nothing else can use. The option is
  // what it uses itself (postgres/src/index.js), and missing in the types.
  const notified = onNotify ? { onnotify: onNotify } : {};
  const sql: Sql = postgres({
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    ...(target.password === undefined ? {} : { password: target.password }),
    ssl: target.tls,
    max: connections,
    connect_timeout: 10,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false, // arrays are sent as text (array.ts), so that one round trip is saved
    connection: { application_name: "pdoflow" },
    ...notified,
    onnotice: () => {},
    // Not `postgres.camel`: it also renames the keys inside jsonb, which are the user's data.
    transform: { column: { from: postgres.toCamel } },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  const close = () => sql.end({ timeout: 5 });
  const abort = () => sql.end({ timeout: 0 });
  return { sql, schema: sql(target.schema), target, close, abort, [Symbol.asyncDispose]: close };
}

/** The server could not be reached, refused us, or ended the connection. */
export class DatabaseUnavailable extends PdoflowError {
  override readonly name = "DatabaseUnavailable";
  readonly exitCode = exitCodes.database;
}

/** The server refused a statement for a reason that whoever runs it can mend. */
export class DatabaseRefused extends PdoflowError {
  override readonly name = "DatabaseRefused";
  readonly exitCode = exitCodes.database;
}

/** SQLSTATE or the code of a socket, and what to do about it. */
const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there. Start the server, or correct the address.",
  ENOENT: "there is no socket. Start the server, or correct the address.",
  ENOTFOUND: "that host is not known. Correct the address.",
  EAI_AGAIN: "that host could not be looked up. Correct the address, or try again.",
  CONNECT_TIMEOUT: "no answer within ten seconds. Is a firewall in between?",
  "28P01": "the password is wrong. Set it in the URL or in PGPASSWORD.",
  "28000": "the server does not let this role in. Look at its pg_hba.conf.",
  "3D000": "there is no such database. Create it, or correct the URL.",
  "53300": "the server has no free connection. Raise its max_connections, or run fewer pools.",
  "57P03": "the server is starting or stopping. Try again.",
  "53100": "the server's disk is full. Nothing was written. Free some space.",
  "53200": "the server is out of memory.",
  "42501": "this role may not do that. Ask the owner of the schema for a grant.",
};

/** True where the connection was lost or never made: worth another try. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code !== null &&
    (/^(E(?!RR_)[A-Z_]+|CONNECT_TIMEOUT|CONNECTION_[A-Z_]+)$/.test(code) ||
      /^(08|57P0|53300)/.test(code))
  );
}

/** True where the same statement may well succeed when it is sent again. */
export function isWorthAnotherTry(error: unknown): boolean {
  const isConflict = ["40P01", "40001"].includes(errorCode(error) ?? "");
  return isConflict || isConnectionLoss(error);
}

export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : null;
}

/**
 * What a database error means for whoever runs pdoflow, or the error itself where it is not one
 * that they can do anything about. Never holds a password.
 */
export function explainDatabaseError(error: unknown, target: Target): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof PdoflowError) return error;
  const where = describeTarget(target);
  const remedy = remedies[code];
  if (isConnectionLoss(error) || /^(28|3D)/.test(code)) {
    return new DatabaseUnavailable(
      `cannot use ${where}: ${remedy ?? `the connection was lost (${code}).`}`,
      { cause: error },
    );
  }
  if (remedy === undefined) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new DatabaseRefused(`${where} refused: ${said}: ${remedy}`, { cause: error });
}
