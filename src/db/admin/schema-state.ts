import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { type Db, errorCode, type Sql, type Tx } from "../connection/connect.ts";
import { schemaDigest, schemaVersion } from "./this-schema.ts";

/** The schema does not exist, or is older than this program. */
export class SchemaOutdated extends PdoflowError {
  override readonly name = "SchemaOutdated";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, found: number) {
    const state =
      found === 0 ? `has no schema "${schema}"` : `has schema "${schema}" at version ${found}`;
    super(
      `the database ${state}; this pdoflow needs version ${schemaVersion()}. ` +
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
        `(${schemaVersion()}). Upgrade pdoflow on this machine to the version that migrated it.`,
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
    // As JSON: early builds had no column "digest". As a simple query: it runs once per connection,
    // and takes one round trip instead of two.
    const [row] = await sql<{ number: number; digest: string | null }[]>`
      select number, to_jsonb(m) ->> 'digest' as digest from ${schema}.migration m
      order by number desc limit 1`.simple();
    const version = row?.number ?? 0;
    const isComparable = version === schemaVersion();
    return { version, isOfThisBuild: !isComparable || row?.digest === schemaDigest() };
  } catch (error) {
    const code = errorCode(error);
    if (code !== "42P01" && code !== "3F000") throw error; // no such table, no such schema
    return { version: 0, isOfThisBuild: true };
  }
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
  if (found < schemaVersion()) throw new SchemaOutdated(schema, found);
  if (found > schemaVersion()) throw new SchemaTooNew(schema, found);
}
