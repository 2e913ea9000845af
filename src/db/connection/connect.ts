import postgres from "postgres";

import { messageOf, type ExitCode, exitCodes, PdoflowError } from "../../domain/errors.ts";
import type { Address } from "../settings/addresses.ts";
import { brokenConnection, dial, TlsFailed } from "./dial.ts";
import { describeNeededGrant } from "./needed-grant.ts";
import { startupParameters } from "./session-settings.ts";
import { watchStatements } from "./watch-statements.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { describeAddress, describeTarget, type Target } from "../settings/target.ts";
import type { Sql } from "./sql.ts";

export type { Sql, Tx } from "./sql.ts";

// postgres.js names its errors after their class, whose name is minified in the binary.
Object.defineProperty(postgres.PostgresError, "name", { value: "PostgresError" });

/** A pool of connections to the database that holds the queue. */
export interface Db extends AsyncDisposable {
  sql: Sql;
  /** The schema's name as a fragment of SQL: sql`select … from ${db.schema}.posting`. */
  schema: postgres.Helper<string>;
  target: Target;
  /** The address of the target that it is connected to. */
  address: Address;
  /**
   * Whether a pooler such as PgBouncer is in between: then the state of a session does not last.
   */
  isPooled: boolean;
  /** Settings that its sessions begin with, in addition to the usual ones (session-settings.ts). */
  overrides: Readonly<Record<string, string>>;
  /** Ends all connections, after waiting up to five seconds for running statements. */
  close(): Promise<void>;
  /** Ends all connections at once; running statements are rejected. */
  abort(): Promise<void>;
}

export interface ConnectOptions {
  connections: number;
  /** Called for each notification of a channel that a connection listens to. */
  onNotify?: (channel: string, payload: string) => void;
  /** By default the first one of the target. */
  address?: Address;
  /** Default false. */
  isPooled?: boolean;
  /** Default none. */
  overrides?: Readonly<Record<string, string>>;
  /** How much longer than usual a server that has accepted a connection may take. Default 1. */
  patience?: number;
}

/** How long an address has to answer: less if there are other addresses. */
export const answerMs = (target: Target): number =>
  target.answerMs ?? (target.others === undefined ? 10_000 : 5_000);

/**
 * Opens up to `connections` connections to one address when they are first needed, without checking
 * the server: `openDatabase` does that. Identifiers (bigint) come as numbers: they count rows, or
 * begin with the time (L5), and stay below 2^53.
 */
export function connect(target: Target, options: ConnectOptions): Db {
  const { connections, onNotify, address = target, isPooled = false, overrides = {} } = options;
  // Not `sql.listen`, which opens another connection that nothing else can use. `sql.listen` itself
  // uses this option (postgres/src/index.js), and the types lack it.
  const notified = onNotify ? { onnotify: onNotify } : {};
  const ended = new AbortController();
  const opened: Sql = postgres({
    host: address.hostaddr ?? address.host,
    port: address.port,
    user: target.user,
    database: target.database,
    // As a function, because an empty string would be looked up in the environment.
    password: () => ("password" in address ? address.password : target.password) ?? "",
    ssl: false,
    ...{ socket: () => dialFor(target, address, ended.signal) }, // the types lack it
    max: connections,
    connect_timeout: (answerMs(target) * (options.patience ?? 1)) / 1_000,
    idle_timeout: 0,
    max_lifetime: null,
    prepare: !isPooled, // it would remain on a server connection that other clients get next
    fetch_types: false, // arrays are sent as text (array.ts), which saves one round trip
    connection: {
      application_name: target.applicationName ?? "pdoflow",
      ...startupParameters(isPooled, target.options),
      ...overrides,
    },
    ...notified,
    onnotice: () => {},
    // Not `postgres.camel`: it also renames the keys inside jsonb, which are the user's data.
    transform: { column: { from: postgres.toCamel } },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  const { onStatement } = target;
  const watched = onStatement ? watchStatements(opened, onStatement) : opened;
  const sql = isPooled ? oneAtATime(watched) : watched;
  const end = (timeout: number) => sql.end({ timeout }).finally(() => ended.abort());
  const [close, abort] = [() => end(5), () => end(0)];
  return {
    sql,
    schema: sql(target.schema),
    target,
    address,
    isPooled,
    overrides,
    close,
    abort,
    [Symbol.asyncDispose]: close,
  };
}

/** postgres.js calls it for each connection, which would be lost forever if this threw. */
function dialFor(target: Target, address: Address, signal: AbortSignal) {
  const tls = address.tls ?? target.tls;
  const isPlain = tls === "allow" || address.host.startsWith("/");
  const options = { certificates: target.certificates ?? {}, timeoutMs: answerMs(target), signal };
  return dial(address, { tls: isPlain ? false : tls, ...options }).catch(brokenConnection);
}

/** The server could not be reached, refused the connection, or ended it. */
export class DatabaseUnavailable extends PdoflowError {
  override readonly name = "DatabaseUnavailable";
  readonly exitCode = exitCodes.database;
}

/** The server refused a statement for a reason that the user can fix. */
export class DatabaseRefused extends PdoflowError {
  override readonly name = "DatabaseRefused";
  readonly exitCode = exitCodes.database;
}

/** A function of the queue refused a call (sql/, errcode PF…). */
export class QueueRefused extends PdoflowError {
  override readonly name = "QueueRefused";
  readonly exitCode: ExitCode;
  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.exitCode = code === "PF003" ? exitCodes.notFound : exitCodes.usage;
  }
}

/** None of several addresses has a server that accepts writes. */
export class NoAddressUsable extends Error {
  override readonly name = "NoAddressUsable";
  readonly code = "CONNECTION_NOWHERE"; // the name that postgres.js gives its own losses
  readonly failures: readonly { address: Address; error: unknown }[];
  constructor(target: Target, failures: readonly { address: Address; error: unknown }[]) {
    const describe = ({ address, error }: { address: Address; error: unknown }) => {
      const hasPassword = Boolean(address.password ?? target.password);
      return `${describeAddress(address)}: ${why(error, hasPassword)}`;
    };
    super(failures.map(describe).join(" "));
    this.failures = failures;
  }
}

/** SQLSTATE or the code of a socket, and its remedy. */
const remedies: Record<string, string> = {
  ECONNREFUSED: "nothing listens there. Start the server, or correct the address.",
  ENOENT: "there is no socket. Start the server, or correct the address.",
  ENOTFOUND: "that host is not known. Correct the address.",
  EAI_AGAIN: "that host could not be looked up. Correct the address, or try again.",
  CONNECT_TIMEOUT: "no answer in time. Is a firewall in between?",
  "28P01": "the password is wrong. Set it in ~/.pgpass, the URL or PGPASSWORD.",
  "28000": "the server does not accept this role. Check its pg_hba.conf.",
  "3D000": "there is no such database. Create it, or correct the URL.",
  "57P03": "the server is starting or stopping. Try again.",
  "53100": "the server's disk is full. Nothing was written. Free some space.",
  "53200": "the server is out of memory.",
  "25006":
    "it does not accept writes: a standby, or set to read-only. Name the address of the primary.",
  "57014": "it was cancelled, by statement_timeout or by an administrator. Raise the timeout.",
  "55P03": "another transaction has locked a row or table that this one needs. Try again.",
  "40001": "it conflicted with another transaction. Try again.",
  "40P01": "it conflicted with another transaction. Try again.",
};

const connectionsRemedy =
  "Raise that limit of connections, or run fewer pools: each uses three connections.";

const noPassword =
  "the server expects a password, and none was given. Set it in ~/.pgpass, the URL or PGPASSWORD.";

/** The schema differs from the one that this version creates. */
const missing =
  "the schema lacks it: it was changed, or belongs to another version. Run: pdoflow doctor";
for (const code of ["42883", "42P01", "42703", "3F000"]) remedies[code] = missing;

/**
 * Classes of SQLSTATE whose only cause is a wrong statement of ours: values, constraints, cursors,
 * and the grammar.
 */
const ourFault = /^(2[1-46F]|34|42|P0(?!001))/;

/** Whether the server has answered with an error. */
const isServerError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && "severity" in error && errorCode(error) !== null;

/**
 * Whether the connection was lost or never made, or leads to a server that does not (or no longer)
 * accept writes: worth another try on a new one.
 */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code !== null &&
    // ERR_… is a fault of a program, except on a socket, where it means that the other end broke
    // off.
    (/^(E(?!RR_)[A-Z_]+|CONNECT_TIMEOUT|CONNECTION_[A-Z_]+)$/.test(code) ||
      /^ERR_(SSL|TLS|SOCKET|STREAM)_/.test(code) ||
      /^(08|57P0|53300|25006)/.test(code))
  );
}

/** Whether the same statement may succeed when it is sent again. */
export function isWorthAnotherTry(error: unknown): boolean {
  // A conflict; a full disk or memory; a lock, a timeout, a cancelling administrator.
  const isPassing = /^(40P01|40001|53|55P03|57014|58)/.test(errorCode(error) ?? "");
  return isPassing || isOvertaken(error) || isConnectionLoss(error);
}

/**
 * Whether a migration has overtaken a statement: it replaced a function after the server had
 * planned the call, or the columns of a result. postgres.js itself tries the latter again, except
 * in a transaction.
 */
function isOvertaken(error: unknown): boolean {
  const { routine }: { routine?: unknown } = Object(error ?? {});
  const isReplaced =
    errorCode(error) === "XX000" && messageOf(error).startsWith("cache lookup failed");
  return isReplaced || routine === "RevalidateCachedQuery";
}

/** Whether the server refuses a value: not valid as jsonb, too large, or against a constraint. */
export function isRefusal(error: unknown): boolean {
  return /^(22|23|54|XX000)/.test(errorCode(error) ?? "") && !isOvertaken(error);
}

export function errorCode(error: unknown): string | null {
  // Not `instanceof Error`: in Jest, Node's errors belong to another realm.
  const { code }: { code?: unknown } = Object(error ?? {});
  return typeof code === "string" ? code : null;
}

/**
 * Translates a database error for users of pdoflow, or returns it unchanged if users cannot fix it.
 * Never contains a password.
 */
export function explainDatabaseError(error: unknown, target: Target): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof PdoflowError) return error;
  if (code.startsWith("PF") && error instanceof Error) {
    return new QueueRefused(code, error.message, error);
  }
  const where = describeTarget(target);
  const remedy =
    code === "42501" ? describeNeededGrant(messageOf(error), target.user) : remedies[code];
  if (isConnectionLoss(error) || /^(28|3D)/.test(code)) {
    const hasPassword = Boolean(target.password);
    return new DatabaseUnavailable(`cannot use ${where}: ${why(error, hasPassword)}`, {
      cause: error,
    });
  }
  if (remedy === undefined && (!isServerError(error) || ourFault.test(code))) return error;
  const said = `${where} refused: ${messageOf(error)}`;
  return new DatabaseRefused(
    remedy === undefined
      ? `${said} (${code}). See the log of the server for details.`
      : `${said}: ${remedy}`,
    { cause: error },
  );
}

/** Why an address cannot be used. */
function why(error: unknown, hasPassword: boolean): string {
  if (error instanceof NoAddressUsable) return error.message;
  if (error instanceof TlsFailed) return error.message;
  const code = errorCode(error) ?? messageOf(error);
  if (code === "28P01" && !hasPassword) return noPassword;
  // The limit is that of the server, the database or the role.
  if (code === "53300") return `the server said "${messageOf(error)}". ${connectionsRemedy}`;
  return remedies[code] ?? `the connection was lost (${code}).`;
}
