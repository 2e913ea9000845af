import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { type Db, errorCode, type Sql, type Tx } from "../connection/connect.ts";
import { oldestUsableSchema, schemaDigest, schemaVersion } from "./this-schema.ts";

/** The schema does not exist, or is older than this program can use. */
export class SchemaOutdated extends PdoflowError {
  override readonly name = "SchemaOutdated";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, found: number) {
    const state =
      found === 0 ? `has no schema "${schema}"` : `has schema "${schema}" at version ${found}`;
    super(
      `the database ${state}; this pdoflow needs version ${oldestUsableSchema()}. ` +
        "Run: pdoflow migrate",
    );
  }
}

/** A newer pdoflow has removed from the schema what this program uses, or is about to. */
export class SchemaTooNew extends PdoflowError {
  override readonly name = "SchemaTooNew";
  readonly exitCode = exitCodes.database;
  constructor(schema: string, compatibleSince: number) {
    super(
      `schema "${schema}" supports programs for its version ${compatibleSince} or newer; this ` +
        `pdoflow is for version ${schemaVersion()}. Upgrade pdoflow on this machine.`,
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
  /**
   * The oldest version whose programs can use it; 0 if there is none. Counts migrations that wait
   * for older pools to end, which are announced by a row without a time.
   */
  compatibleSince: number;
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
    // As JSON: early builds had fewer columns. As a simple query: it runs once per connection, and
    // takes one round trip instead of two.
    const [row] = await sql<{ number: number; digest: string | null; compatibleSince: number }[]>`
      select number, to_jsonb(m) ->> 'digest' as digest,
             (select coalesce(max((to_jsonb(o) ->> 'compatible_since')::integer), 0)
              from ${schema}.migration o) as compatible_since
      from ${schema}.migration m where applied_at is not null
      order by number desc limit 1`.simple();
    const version = row?.number ?? 0;
    const compatibleSince = row?.compatibleSince ?? 0;
    const digest = row?.digest ?? null;
    // A newer program that has not applied its last migration has no digest for this version.
    const isComparable = version === schemaVersion() && (digest !== null || compatibleSince === 0);
    return { version, compatibleSince, isOfThisBuild: !isComparable || digest === schemaDigest() };
  } catch (error) {
    const code = errorCode(error);
    if (code !== "42P01" && code !== "3F000") throw error; // no such table, no such schema
    return { version: 0, compatibleSince: 0, isOfThisBuild: true };
  }
}

/**
 * Checks that this program can use the schema. It may be newer, unless that has removed what this
 * program uses.
 *
 * @throws {SchemaOutdated} `pdoflow migrate` has to run first.
 * @throws {SchemaTooNew} this program is too old for the schema.
 * @throws {SchemaOfOtherBuild} an unreleased build has made it.
 */
export async function requireUsableSchema(db: Db): Promise<void> {
  const state = await schemaState(db);
  requireUsableVersion(db.target.schema, state);
  if (!state.isOfThisBuild) throw new SchemaOfOtherBuild(db.target.schema);
}

/** As `requireUsableSchema`, for a state that is known. */
export function requireUsableVersion(
  schema: string,
  { version, compatibleSince }: Pick<SchemaState, "version" | "compatibleSince">,
): void {
  if (version < oldestUsableSchema()) throw new SchemaOutdated(schema, version);
  requireSupported(schema, compatibleSince);
}

/** @throws {SchemaTooNew} */
export function requireSupported(schema: string, compatibleSince: number): void {
  if (compatibleSince > schemaVersion()) throw new SchemaTooNew(schema, compatibleSince);
}
