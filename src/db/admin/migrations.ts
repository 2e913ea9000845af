import { createHash } from "node:crypto";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { type Db, errorCode, type Sql, type Tx } from "../connection/connect.ts";
import { migrations } from "./migration-list.ts";

/** The schema does not exist, or is older than this program. */
export class SchemaOutdated extends PdoflowError {
  override readonly name = "SchemaOutdated";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, found: number) {
    const state =
      found === 0 ? `has no schema "${schema}"` : `has schema "${schema}" at version ${found}`;
    super(
      `the database ${state}; this pdoflow needs version ${migrations.length}. ` +
        "Run: pdoflow migrate",
    );
  }
}

/** The schema was migrated by a newer pdoflow than this one. */
export class SchemaTooNew extends PdoflowError {
  override readonly name = "SchemaTooNew";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, found: number) {
    super(
      `schema "${schema}" is at version ${found}, newer than this pdoflow knows ` +
        `(${migrations.length}). Upgrade pdoflow on this machine to the version that migrated it.`,
    );
  }
}

/** The schema has this program's version, but another text: an unreleased build has made it. */
export class SchemaOfOtherBuild extends PdoflowError {
  override readonly name = "SchemaOfOtherBuild";
  readonly exitCode = exitCodes.database;
  constructor(schema: string) {
    super(
      `schema "${schema}" was made by another unreleased build of pdoflow, and differs from the ` +
        "one that this build needs. Its jobs cannot be carried over. Use that build, another " +
        `database, or run: drop schema "${schema}" cascade; and then: pdoflow migrate`,
    );
  }
}

/** The database cannot store the texts of the queue. */
export class EncodingUnsuitable extends PdoflowError {
  override readonly name = "EncodingUnsuitable";
  readonly exitCode = exitCodes.database;
  constructor(database: string, encoding: string) {
    super(
      `expected a database with the encoding UTF8, found ${database} with ${encoding}. Run: ` +
        `create database NAME encoding 'UTF8' template template0`,
    );
  }
}

/** Encodings that can represent any text; SQL_ASCII is no encoding at all. */
export const suitableEncodings: readonly string[] = ["UTF8", "SQL_ASCII"];

async function requireEncoding({ sql, target }: Db): Promise<void> {
  const [row] = await sql<{ encoding: string }[]>`
    select current_setting('server_encoding') as encoding`;
  const encoding = row?.encoding ?? "";
  if (!suitableEncodings.includes(encoding))
    throw new EncodingUnsuitable(target.database, encoding);
}

/** The schema of a database. */
export interface SchemaState {
  /** The number of the last migration applied; 0 if there is none. */
  version: number;
  /** False if an unreleased build with another schema of this version has applied it. */
  isOfThisBuild: boolean;
}

export async function schemaState({
  sql,
  schema,
}: {
  sql: Sql | Tx;
  schema: Db["schema"];
}): Promise<SchemaState> {
  try {
    // As JSON: early builds had no column "digest".
    const [row] = await sql<{ number: number; digest: string | null }[]>`
      select number, to_jsonb(m) ->> 'digest' as digest from ${schema}.migration m
      order by number desc limit 1`;
    const version = row?.number ?? 0;
    const isComparable = version === migrations.length;
    return { version, isOfThisBuild: !isComparable || row?.digest === schemaDigest() };
  } catch (error) {
    const code = errorCode(error);
    if (code !== "42P01" && code !== "3F000") throw error; // no such table, no such schema
    return { version: 0, isOfThisBuild: true };
  }
}

let digest: string | null = null;

/** A digest of the whole schema, without comments and line ends. */
function schemaDigest(): string {
  if (digest !== null) return digest;
  const text = migrations[0]?.sql.replaceAll(/^\s*--.*$/gm, "").replaceAll(/\s+/g, " ") ?? "";
  return (digest = createHash("sha256").update(text).digest("hex"));
}

/**
 * @throws {SchemaOutdated} `pdoflow migrate` has to run first.
 * @throws {SchemaTooNew} this program is older than the schema.
 * @throws {SchemaOfOtherBuild} an unreleased build has made it.
 */
export async function requireCurrentSchema(db: Db): Promise<void> {
  const { version, isOfThisBuild } = await schemaState(db);
  requireCurrentVersion(db.target.schema, version);
  if (!isOfThisBuild) throw new SchemaOfOtherBuild(db.target.schema);
}

/** As `requireCurrentSchema`, for a version that is known. */
export function requireCurrentVersion(schema: string, found: number): void {
  if (found < migrations.length) throw new SchemaOutdated(schema, found);
  if (found > migrations.length) throw new SchemaTooNew(schema, found);
}

/**
 * The migrations that the database lacks, with the text that `migrate` would run. The first creates
 * the whole schema as it is now, so an empty database needs no other.
 */
export async function pendingMigrations(db: Db): Promise<{ name: string; sql: string }[]> {
  const { version, isOfThisBuild } = await schemaState(db);
  if (version > migrations.length) throw new SchemaTooNew(db.target.schema, version);
  if (!isOfThisBuild) throw new SchemaOfOtherBuild(db.target.schema);
  const pending = version === 0 ? migrations.slice(0, 1) : migrations.slice(version);
  return pending.map(({ name, sql }) => ({
    name,
    sql: withSchema(sql, db.target.schema),
  }));
}

/**
 * The text for another schema, whose name is a plain lower-case one (settings.ts) and may be a word
 * of SQL. Names of channels are quoted in the text.
 */
const withSchema = (sql: string, schema: string) =>
  schema === "pdoflow" ? sql : inSchema(sql, schema);

const inSchema = (sql: string, schema: string) =>
  sql
    .replaceAll(/(?<=['"])pdoflow\./g, `${schema}.`)
    .replaceAll(/(?<!['"\w])pdoflow\./g, `"${schema}".`);

/**
 * Brings the schema up to this program's version, all or nothing, and returns the names of the
 * applied migrations. Several processes may run this at once: they queue for an advisory lock, and
 * the later ones find nothing left to do.
 */
export async function migrate(db: Db): Promise<string[]> {
  await requireEncoding(db);
  return await db.sql.begin("isolation level read committed", async (sql) => {
    // If this names the tablespace of the database itself, the server refuses partitioned tables.
    await sql`
      select set_config('default_tablespace', '', true)
      from pg_database join pg_tablespace t on t.oid = dattablespace
      where datname = current_database() and spcname = current_setting('default_tablespace')`;
    const turn = `pdoflow migrate ${db.target.schema}`;
    await sql`select pg_advisory_xact_lock(hashtextextended(${turn}, 0))`;
    // Not "if not exists" alone, which requires a right to the database that an owner may lack.
    const [home] = await sql`
      select from pg_namespace where nspname = ${db.target.schema}`;
    if (!home) await sql`create schema if not exists ${db.schema}`;
    await sql`
      create table if not exists ${db.schema}.migration (
        number integer primary key,
        name text not null,
        digest text constraint digest_is_short check (length(digest) <= 64),
        applied_at timestamptz not null default now())`;
    await sql`
      comment on table ${db.schema}.migration
      is 'One row: one migration that was applied. digest: of the whole schema after it.'`;
    const pending = await pendingMigrations({ ...db, sql: sql as unknown as Sql });
    for (const migration of pending) {
      await sql.unsafe(migration.sql); // our own text, several statements in one
    }
    for (const [index, { name }] of migrations.entries()) {
      await sql`
        insert into ${db.schema}.migration (number, name, digest)
        values (${index + 1}, ${name}, ${schemaDigest()})
        on conflict do nothing`;
    }
    if (pending.length > 0) await sql`select ${db.schema}.apply_grants()`;
    return pending.map(({ name }) => name);
  });
}
