import {
  answerMs,
  connect,
  type ConnectOptions,
  type Db,
  errorCode,
  NoAddressUsable,
} from "./connect.ts";
import { requireEngine } from "./engine.ts";
import type { Address } from "../settings/addresses.ts";
import { requireSettings } from "./require-settings.ts";
import type { Target } from "../settings/target.ts";

export interface OpenOptions extends Omit<ConnectOptions, "address" | "isPooled" | "overrides"> {
  /** The index of the address of the target to try first. Default 0. */
  first?: number;
  /** Called with the index of each address before it is tried. */
  onTry?: (index: number) => void;
  /** Stops trying when it is aborted. */
  signal?: AbortSignal;
}

/** The server at an address did not answer. */
class NoAnswerInTime extends Error {
  override readonly name = "NoAnswerInTime";
  readonly code = "CONNECT_TIMEOUT"; // the code of postgres.js for an error before the log-in
  constructor(ms: number) {
    super(`a new connection was not answered within ${ms} ms`);
  }
}

/** The server at an address takes no writes. */
class ReadOnlyServer extends Error {
  override readonly name = "ReadOnlyServer";
  readonly code = "25006"; // the code of the server if it is asked to write
}

/**
 * Connects to the first address of the target that answers and, if there are several, accepts
 * writes; also detects a pooler in between.
 *
 * @throws {NoAddressUsable} none of several is usable; with one address, its own error.
 */
export async function openDatabase(target: Target, options: OpenOptions): Promise<Db> {
  const { first = 0, onTry, signal, ...rest } = options;
  const addresses: readonly Address[] = [target, ...(target.others ?? [])];
  const failures: { address: Address; error: unknown }[] = [];
  for (let i = 0; i < addresses.length; i++) {
    const index = (first + i) % addresses.length;
    const address = addresses[index] ?? target;
    onTry?.(index);
    try {
      return await openAddress(target, { ...rest, address }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (addresses.length === 1) throw error;
      failures.push({ address, error });
    }
  }
  throw new NoAddressUsable(target, failures);
}

/**
 * Makes sure that a connection that only reads does not stay with a server that no longer accepts
 * writes, if there are other addresses: it would never see a change.
 *
 * @throws an error that counts as a lost connection.
 */
export async function requireWrites(db: Db): Promise<void> {
  if (db.target.others === undefined) return;
  if ((await probe(db)).isReadOnly) throw new ReadOnlyServer();
}

/**
 * Waits for the first statements on a connection no longer than for the connection itself, times
 * `patience`, then abandons it: a network that drops packets closes nothing.
 */
export async function answered<T>(db: Db, work: Promise<T>, patience = 1): Promise<T> {
  try {
    return await inTime(work, answerMs(db.target) * patience, undefined);
  } catch (error) {
    if (error instanceof NoAnswerInTime) void db.abort();
    throw error;
  }
}

/** If the settings leave encryption open and one way fails, tries the other, as libpq does. */
async function openAddress(
  target: Target,
  options: ConnectOptions & { address: Address },
  signal: AbortSignal | undefined,
): Promise<Db> {
  const { address } = options;
  const isOpen = !address.host.startsWith("/") && /^(allow|prefer)$/.test(String(target.tls));
  if (!isOpen) return await openOneWay(target, options, signal);
  const [first, second] = target.tls === "allow" ? ([false, "require"] as const) : plainLast;
  try {
    return await openOneWay(target, { ...options, address: { ...address, tls: first } }, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (errorCode(error) !== "28000" && errorCode(error) !== "CONNECTION_TLS") throw error;
    const other = { ...options, address: { ...address, tls: second } };
    // If neither works, reports the first error: it belongs to the preferred way.
    return await openOneWay(target, other, signal).catch(() => Promise.reject(error));
  }
}

const plainLast = ["prefer", false] as const;

async function openOneWay(
  target: Target,
  options: ConnectOptions & { address: Address },
  signal: AbortSignal | undefined,
): Promise<Db> {
  const db = connect(target, options);
  const logInMs = answerMs(target) * (options.patience ?? 1);
  const inItsTime = <T>(work: Promise<T>) => inTime(work, logInMs, signal);
  try {
    const { isPooled, isReadOnly, version, ...found } = await inItsTime(probe(db));
    requireEngine(version, options.address.host);
    const isWanted = found.readOnlyBy === "client"; // read-only.ts
    const overrides = isPooled ? {} : overridesOf(found);
    const isOverridden = "default_transaction_read_only" in overrides;
    if (isReadOnly && !isWanted && !isOverridden && target.others !== undefined)
      throw new ReadOnlyServer();
    if (db.isPooled) await inItsTime(requireSettings(db));
    if ((db.isPooled || !isPooled) && Object.keys(overrides).length === 0) return db;
    void db.close();
    if (!isPooled) return connect(target, { ...options, overrides });
  } catch (error) {
    void db.abort();
    if (db.isPooled || !refusesParameters(error)) throw error;
  }
  return await openOneWay(target, { ...options, isPooled: true }, signal);
}

/** Poolers do so for parameters that they do not know; PgBouncer with 08P01. */
const refusesParameters = (error: unknown): boolean =>
  /^(08P01|0A000|42704)$/.test(errorCode(error) ?? "");

interface ProbeResult {
  isPooled: boolean;
  isReadOnly: boolean;
  /** As `select version()` has it. */
  version: string;
  /** The source of a setting that makes it read-only; null if it accepts writes. */
  readOnlyBy: string | null;
  /** The source of a limit on transactions (PostgreSQL 17 has one); null without a limit. */
  timeoutBy: string | null;
}

/**
 * The other end of a connection. A server sends its process id at the log-in; a pooler sends
 * another number there, which is not the process that then answers. Sent as a simple query, which
 * leaves nothing behind in the session.
 */
async function probe({ sql }: Db): Promise<ProbeResult> {
  const rows = await sql<(Omit<ProbeResult, "isPooled"> & { pid: number })[]>`
    select pg_backend_pid() as pid, version() as version,
           current_setting('transaction_read_only')::boolean as is_read_only,
           case when current_setting('default_transaction_read_only')::boolean then (
             select source from pg_settings where name = 'default_transaction_read_only'
           ) end as read_only_by,
           case when current_setting('transaction_timeout', true) <> '0' then (
             select source from pg_settings where name = 'transaction_timeout'
           ) end as timeout_by`.simple();
  const [row] = rows;
  const { pid, ...found } = row ?? {
    pid: null,
    isReadOnly: true,
    version: "",
    readOnlyBy: null,
    timeoutBy: null,
  };
  return { isPooled: pid !== rows.state.pid, ...found };
}

/**
 * A role or a database that is read-only by default is meant to protect other tables than ours. A
 * server that is read-only has been shut off from writes, as before a switch to its standby.
 */
const overridesOf = ({ readOnlyBy, timeoutBy }: Pick<ProbeResult, "readOnlyBy" | "timeoutBy">) => ({
  ...(/^(database|user|database user)$/.test(readOnlyBy ?? "")
    ? { default_transaction_read_only: "off" }
    : {}),
  ...(timeoutBy === null || timeoutBy === "client" ? {} : { transaction_timeout: "0" }),
});

function inTime<T>(work: Promise<T>, ms: number, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = () => reject(signal?.reason);
    const timer = setTimeout(() => reject(new NoAnswerInTime(ms)), ms);
    signal?.addEventListener("abort", give);
    if (signal?.aborted) give();
    void work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", give);
    });
  });
}
