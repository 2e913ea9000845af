import { connect, type Db, explainDatabaseError } from "../db/connect.ts";
import { requireCurrentSchema } from "../db/migrations.ts";
import type { Target } from "../db/settings.ts";
import { ConnectionClosed, wasClosed } from "./connection-closed.ts";
import { EndWatch } from "./end-watch.ts";
import { findTarget } from "./target.ts";

/** So long connections stay open after their last use: a script that is done ends after that. */
const idleMs = 500;

/** The connections of this process to one database. They are opened when they are needed. */
interface Open {
  reading: Db;
  /** Apart: a posting may read the results of another one while its transaction is open. */
  posting: Db;
  users: number;
}

/** A database as this process uses it: opened by the first use, closed soon after the last one. */
export class Connection {
  readonly target: Target;
  readonly ends: EndWatch;
  #open: Open | null = null;
  #idle: NodeJS.Timeout | undefined;
  #schemaCheck: Promise<void> | null = null;

  constructor(target: Target) {
    this.target = target;
    this.ends = new EndWatch(this);
  }

  /**
   * Runs `work` with open connections, to a schema that is the one this pdoflow knows.
   *
   * @throws {DatabaseUnavailable} the server can't be reached or refuses us.
   * @throws {SchemaOutdated} and {SchemaTooNew} of the schema.
   * @throws {ConnectionClosed} by `close()`.
   */
  async use<T>(work: (open: Open) => Promise<T>): Promise<T> {
    const open = (this.#open ??= {
      reading: connect(this.target, { connections: 2 }),
      posting: connect(this.target, { connections: 4 }),
      users: 0,
    });
    clearTimeout(this.#idle);
    open.users++;
    try {
      await (this.#schemaCheck ??= this.#checkSchema(open.reading));
      return await work(open);
    } catch (error) {
      if (open !== this.#open && wasClosed(error)) throw new ConnectionClosed(error);
      throw explainDatabaseError(error, this.target);
    } finally {
      open.users--;
      if (open.users === 0 && open === this.#open) {
        this.#idle = setTimeout(() => void this.close(), idleMs);
      }
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const open = this.#open;
    this.#open = null;
    await Promise.all([open?.reading.close(), open?.posting.close()]);
  }

  /** Once in a process; after a failure again at the next use. */
  async #checkSchema(db: Db): Promise<void> {
    try {
      await requireCurrentSchema(db);
    } catch (error) {
      this.#schemaCheck = null;
      throw error;
    }
  }
}

const connections = new Map<string, Connection>();

/** The one connection of this process to the database of `url`, else of the environment. */
export function connectionTo(url: string | undefined): Connection {
  const target = findTarget(url, process.env);
  const key = JSON.stringify(target);
  const connection = connections.get(key) ?? new Connection(target);
  connections.set(key, connection);
  return connection;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...connections.values()].map((connection) => connection.close()));
}
