import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import type { Db, Sql } from "../connection/connect.ts";
import { migrations } from "./migration-list.ts";
import { SchemaOfOtherBuild, schemaState, SchemaTooNew } from "./schema-state.ts";
import { schemaDigest } from "./this-schema.ts";

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
