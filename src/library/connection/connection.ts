import {
  connect,
  type Db,
  explainDatabaseError,
  isConnectionLoss,
} from "../../db/connection/connect.ts";
import { schemaFault } from "../../db/admin/schema-fault.ts";
import { requireUsableSchema } from "../../db/admin/schema-state.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { readServerIdentity, type ServerIdentity } from "../../db/connection/server-identity.ts";
import type { Target } from "../../db/settings/target.ts";
import { ConnectionClosed, wasClosed } from "../wait/connection-closed.ts";
import { EndWatch } from "../wait/end-watch.ts";
import { findTarget } from "./target.ts";

/** How long connections stay open after their last use, and delay the end of a script. */
const idleMs = 500;

/** The most connections for reading, and for posting. */
const connections = 4;

/**
 * The connections of this process to one database, opened when they are needed. Those for reading
 * and for posting are separate: a posting may read the results of another one while its transaction
 * is open.
 */
class Open {
  /** The connection that found the server serves the first use. */
  readonly found: Db;
  #reading: Db | undefined;
  #posting: Db | undefined;
  /** Whether its server was asked what it is. */
  isKnown = false;

  constructor(found: Db) {
    this.found = found;
  }

  get reading(): Db {
    return (this.#reading ??= this.#posting === undefined ? this.found : this.#another());
  }

  get posting(): Db {
    return (this.#posting ??= this.#reading === undefined ? this.found : this.#another());
  }

  async close(): Promise<void> {
    const { found } = this;
    const opened = new Set([found, this.#reading ?? found, this.#posting ?? found]);
    await Promise.all([...opened].map((db) => db.close()));
  }

  #another(): Db {
    const { target, address, isPooled, overrides } = this.found;
    return connect(target, { connections, address, isPooled, overrides });
  }
}

/**
 * The connections, or the attempt to find the database, and the number of their waiters or users.
 */
interface ConnectionUse {
  open: Promise<Open>;
  users: number;
}

/** A database as this process uses it: opened by the first use, closed soon after the last one. */
export class Connection {
  readonly target: Target;
  readonly ends: EndWatch;
  #current: ConnectionUse | null = null;
  /** The server of the newest connection, once that was used; null if it hides what it is. */
  server: Promise<ServerIdentity | null> | null = null;
  /** The index of the address of the target that was tried last. */
  #addressIndex = 0;
  #idle: NodeJS.Timeout | undefined;
  #schemaCheck: Promise<void> | null = null;

  constructor(target: Target) {
    this.target = target;
    this.ends = new EndWatch(this);
  }

  get isOpen(): boolean {
    return this.#current !== null;
  }

  /**
   * Runs `work` with open connections to a schema that this pdoflow can use. If they were lost, the
   * next use opens others, to the next address if there are several.
   *
   * @throws {DatabaseUnavailable} the server cannot be reached or refuses the connection.
   * @throws {SchemaOutdated} and {SchemaTooNew} of the schema.
   * @throws {ConnectionClosed} by `close()`.
   */
  async use<T>(work: (open: Open) => Promise<T>): Promise<T> {
    const use = (this.#current ??= { open: this.#find(), users: 0 });
    clearTimeout(this.#idle);
    use.users++;
    let isLost = false;
    try {
      const open = await use.open;
      await (this.#schemaCheck ??= this.#checkSchema(open.found));
      const result = await work(open);
      this.#learnServer(open);
      return result;
    } catch (error) {
      if (use !== this.#current && wasClosed(error)) throw new ConnectionClosed(error);
      isLost = isConnectionLoss(error);
      throw (await schemaFault(error, this.target)) ?? explainDatabaseError(error, this.target);
    } finally {
      if (isLost && use === this.#current) {
        this.#current = null; // its other users may have more luck
        this.#addressIndex++;
      }
      if (--use.users === 0) this.#leave(use);
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const use = this.#current;
    this.#current = null;
    if (use) await closeOpen(use);
  }

  async #find(): Promise<Open> {
    const found = await openDatabase(this.target, {
      connections,
      first: this.#addressIndex,
      onTry: (index) => (this.#addressIndex = index),
    });
    return new Open(found);
  }

  #leave(use: ConnectionUse): void {
    if (use === this.#current) this.#idle = setTimeout(() => void this.close(), idleMs);
    else void closeOpen(use);
  }

  /** After the first use of a connection, which this does not delay. */
  #learnServer(open: Open): void {
    if (open.isKnown) return;
    open.isKnown = true;
    this.server = readServerIdentity(open.found).catch(() => null); // it may have been closed
  }

  /** Once in a process; after a failure again at the next use. */
  async #checkSchema(db: Db): Promise<void> {
    try {
      await requireUsableSchema(db);
    } catch (error) {
      this.#schemaCheck = null;
      throw error;
    }
  }
}

async function closeOpen(use: ConnectionUse): Promise<void> {
  const open = await use.open.catch(() => null); // its waiters get the error
  await open?.close();
}

const connectionOf = new Map<string, Connection>();
/** The last connection by URL, with the variables of the environment that named it. */
const lastOf = new Map<string | undefined, { variables: string; connection: Connection }>();
const urlsKept = 100;

/**
 * The one connection of this process to the database of `url`, else of the environment. While it is
 * open, the settings are not read again: that takes a quarter of the client's time for a post.
 */
export function connectionTo(url: string | undefined): Connection {
  const variables = connectionVariables(process.env);
  const last = lastOf.get(url);
  if (last?.variables === variables && last.connection.isOpen) return last.connection;
  const target = findTarget(url, process.env);
  const key = JSON.stringify(target);
  const connection = connectionOf.get(key) ?? new Connection(target);
  connectionOf.set(key, connection);
  if (lastOf.size >= urlsKept) lastOf.clear();
  lastOf.set(url, { variables, connection });
  return connection;
}

/** The variables on which settings may depend, as one text. */
const connectionVariables = (env: NodeJS.ProcessEnv): string =>
  Object.entries(env)
    .filter(([name]) =>
      /^(PG|PDOFLOW_|DATABASE_URL$|POSTGRES_HOST$|HOME$|XDG_CONFIG_HOME$|USER$|LOGNAME$)/.test(
        name,
      ),
    )
    .flat()
    .join("\0");

export async function closeAll(): Promise<void> {
  await Promise.all([...connectionOf.values()].map((connection) => connection.close()));
}
