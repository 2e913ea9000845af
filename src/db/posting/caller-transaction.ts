import { exitCodes, InvalidInput, messageOf, PdoflowError } from "../../domain/errors.ts";
import type { Transaction } from "./transaction.ts";
import { type Db, errorCode, explainDatabaseError, type Sql } from "../connection/connect.ts";
import { describeNeededGrant } from "../connection/needed-grant.ts";
import type { Target } from "../settings/target.ts";
import { requireUsableVersion, SchemaOutdated } from "../admin/schema-state.ts";

/** Posting should be part of a transaction, but none has begun on that connection. */
export class NoTransaction extends PdoflowError {
  override readonly name = "NoTransaction";
  readonly exitCode = exitCodes.usage;
  constructor() {
    super(
      "Expected a client inside a transaction, but this connection is in autocommit mode. Pass " +
        "the client on which you ran BEGIN, not a connection pool. Nothing was posted.",
    );
  }
}

/** A caller's transaction has failed: an earlier statement of the caller was refused. */
export class TransactionAborted extends PdoflowError {
  override readonly name = "TransactionAborted";
  readonly exitCode = exitCodes.usage;
  constructor(cause: unknown) {
    super(
      "Expected a transaction that can continue, found one in which an earlier statement failed. " +
        "Roll it back, to a savepoint before that statement or as a whole. Nothing was posted.",
      { cause },
    );
  }
}

/** A caller's transaction is read-only. */
export class TransactionReadOnly extends PdoflowError {
  override readonly name = "TransactionReadOnly";
  readonly exitCode = exitCodes.usage;
  constructor() {
    super(
      "Expected a transaction that can write, found a read-only one. Run SET TRANSACTION READ " +
        "WRITE first, or begin it with READ WRITE. Nothing was posted.",
    );
  }
}

/** The role of a caller's transaction may not post. */
export class PostingDenied extends PdoflowError {
  override readonly name = "PostingDenied";
  readonly exitCode = exitCodes.database;
  constructor(message: string, cause: unknown) {
    super(`${message}: ${describeNeededGrant(message, null)} Nothing was posted.`, { cause });
  }
}

/** The snapshot of a caller's transaction is too old. */
export class SnapshotTooOld extends PdoflowError {
  override readonly name = "SnapshotTooOld";
  readonly exitCode = exitCodes.database;
  constructor() {
    super(
      "The snapshot of this transaction is too old to post in (REPEATABLE READ or SERIALIZABLE). " +
        "Roll it back and try again.",
    );
  }
}

/** The part of a database that posting needs. */
export type PostingDb = Pick<Db, "sql" | "schema">;

interface CallerDb extends PostingDb {
  target: { schema: string };
}

/**
 * Runs our statements in a caller's transaction. It only has what posting uses: statements with
 * values, `schema`, and `begin`, which creates a savepoint.
 */
export function callerDb(transaction: Transaction, schemaName: string): CallerDb {
  const schema = { quoted: `"${schemaName}"` };
  let turn: Promise<unknown> = Promise.resolve();
  /** One after the other: not every driver queues statements. */
  const inTurn = (text: string, parameters: string[]) => {
    const answer = turn.then(() => transaction.query(text, parameters));
    turn = answer.catch(() => {}); // the caller gets the error
    return answer;
  };
  const sql = async (strings: TemplateStringsArray, ...values: (SqlValue | typeof schema)[]) => {
    const parameters: string[] = [];
    const parts = values.map((value, i) => {
      const isSchema = typeof value === "object" && value !== null;
      const part = isSchema ? value.quoted : parameterOf(value, parameters);
      return part + (strings[i + 1] ?? "");
    });
    const text = (strings[0] ?? "") + parts.join("");
    if (!/^\s*(select|with)\b|\breturning\b/i.test(text)) {
      await inTurn(text, parameters);
      return [];
    }
    // As one text: drivers differ in the types of numbers and the names of columns.
    const packed = `with answer as (${text})
      select coalesce(json_agg(to_jsonb(answer)), '[]')::text as answer from answer`;
    return unpack(await inTurn(packed, parameters));
  };
  /** A part of the posting must not stay if the caller continues in spite of an error. */
  const begin = async <T>(work: (sql: unknown) => Promise<T>): Promise<T> => {
    await inTurn("savepoint pdoflow_post", []);
    try {
      const done = await work(sql);
      await inTurn("release savepoint pdoflow_post", []);
      return done;
    } catch (error) {
      // If this fails too, the connection is gone, and its transaction with it.
      await inTurn("rollback to savepoint pdoflow_post", []).catch(() => {});
      throw error;
    }
  };
  return {
    sql: Object.assign(sql, { begin }) as unknown as Sql,
    schema: schema as unknown as Db["schema"],
    target: { schema: schemaName },
  };
}

type SqlValue = string | number | boolean | null;

/** Adds `value` to the parameters; all are texts, whose type is in the statement. */
function parameterOf(value: SqlValue, parameters: string[]): string {
  if (value === null) return "null";
  parameters.push(String(value));
  return `$${parameters.length}::text${typeOf(value)}`;
}

function typeOf(value: string | number | boolean): string {
  if (typeof value === "string") return "";
  if (typeof value === "boolean") return "::boolean";
  if (!Number.isInteger(value)) return "::double precision";
  return (value | 0) === value ? "::integer" : "::bigint";
}

function unpack(answer: unknown): Record<string, unknown>[] {
  const rows: unknown = Array.isArray(answer) ? answer : Object(answer ?? {}).rows;
  const text: unknown = Array.isArray(rows) ? Object(rows[0] ?? {}).answer : undefined;
  if (typeof text !== "string") {
    throw new InvalidInput("transaction", [
      "expected its query() to give rows, as a list or as { rows }, as a client of pg does",
    ]);
  }
  return (JSON.parse(text) as Record<string, unknown>[]).map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [camelCase(name), value])),
  );
}

const camelCase = (name: string) =>
  name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Makes the checks that usually happen when a connection is opened.
 *
 * @throws {NoTransaction} {TransactionReadOnly}
 * @throws {SchemaOutdated} and {SchemaTooNew} of the schema.
 */
export async function requireTransaction(db: CallerDb): Promise<void> {
  const { sql, schema, target } = db;
  // An error would end the transaction, so this first checks that the table exists.
  const [first] = await sql<{ beganAt: string; hasSchema: boolean; isReadOnly: boolean }[]>`
    select transaction_timestamp()::text as began_at,
           current_setting('transaction_read_only')::boolean as is_read_only,
           to_regclass(${`${target.schema}.migration`}) is not null as has_schema`;
  if (!first?.hasSchema) throw new SchemaOutdated(target.schema, 0);
  const [second] = await sql<{ isInside: boolean; version: number; compatibleSince: number }[]>`
    select transaction_timestamp()::text = ${first.beganAt} as is_inside, m.*
    from (select coalesce(max(number) filter (where applied_at is not null), 0) as version,
                 coalesce(max((to_jsonb(m) ->> 'compatible_since')::integer), 0) as compatible_since
          from ${schema}.migration m) m`;
  if (!second?.isInside) throw new NoTransaction();
  if (first.isReadOnly) throw new TransactionReadOnly();
  requireUsableVersion(target.schema, second);
}

/**
 * Translates what the server refused in a caller's transaction, whatever the driver wraps it in.
 * Conflicts and lost connections stay as they are: callers tell by their codes when to try again.
 */
export function explainCallersError(error: unknown, target: Target): unknown {
  const found = serverErrorIn(error);
  const code = errorCode(found) ?? "";
  if (code === "25P02") return new TransactionAborted(error);
  if (code === "25006") return new TransactionReadOnly();
  if (code === "42501") return new PostingDenied(messageOf(found), error);
  return code.startsWith("PF") ? explainDatabaseError(found, target) : error;
}

/** The innermost cause: drivers and query builders wrap the error of the server. */
function serverErrorIn(error: unknown): unknown {
  const { cause }: { cause?: unknown } = Object(error ?? {});
  return cause instanceof Error && errorCode(error)?.length !== 5 ? serverErrorIn(cause) : error;
}
