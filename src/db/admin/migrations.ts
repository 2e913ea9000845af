import { setTimeout as sleep } from "node:timers/promises";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import type { Db, Sql, Tx } from "../connection/connect.ts";
import { migrations } from "./migration-list.ts";
import { listed, type OlderPool, olderPools, OlderPoolsRun } from "./older-pools.ts";
import { requireSupported, SchemaOfOtherBuild, schemaState } from "./schema-state.ts";
import { type LockPatience, waitShortly, whileLocked } from "./short-locks.ts";
import { oldestUsableSchema, schemaDigest, schemaVersion } from "./this-schema.ts";

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

/** A migration that a database lacks. */
export interface Pending {
  number: number;
  name: string;
  /** The text that `migrate` would run. */
  sql: string;
  /** The oldest version whose programs can use the schema after it. */
  compatibleSince: number;
}

/**
 * The migrations that the database lacks. The first creates the whole schema as it is now, so an
 * empty database needs no other.
 *
 * @throws {SchemaTooNew} {SchemaOfOtherBuild}
 */
export async function pendingMigrations(db: Db): Promise<Pending[]> {
  const { version, compatibleSince, isOfThisBuild } = await schemaState(db);
  // An announcement of this program itself, or of one of its version, may be the newest of all.
  if (version > 0) requireSupported(db.target.schema, compatibleSince);
  if (!isOfThisBuild) throw new SchemaOfOtherBuild(db.target.schema);
  const pending = version === 0 ? known.slice(0, 1) : known.slice(version);
  return pending.map((each) => ({ ...each, sql: withSchema(each.sql, db.target.schema) }));
}

const known: readonly Pending[] = migrations.map(({ name, sql }, index) => ({
  ...{ number: index + 1, name, sql },
  compatibleSince: Math.max(
    ...migrations.slice(0, index + 1).map((each) => each.compatibleSince ?? 1),
  ),
}));

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

export interface MigrateOptions {
  /**
   * Lets pools that are too old for a migration finish their running jobs and end, and waits for
   * that. Otherwise such a migration is held back.
   */
  endsOlderPools?: boolean;
  /** How long to try while other transactions have locked what it needs. Default: 1 minute. */
  locksWithinMs?: number;
  /** Called with a line that says what it waits for. */
  onWait?: (line: string) => void;
  /** Stops waiting for pools. */
  signal?: AbortSignal;
}

/** The result of a migration. */
export interface Migrated {
  /** The names of the applied migrations. */
  applied: string[];
  /** Migrations that have to wait, because they remove what living pools use; null if none. */
  heldBack: HeldBack | null;
}

export interface HeldBack {
  names: string[];
  compatibleSince: number;
  pools: OlderPool[];
}

const pollPoolsMs = 500;

/**
 * Brings the schema up to this program's version, all or nothing, except for steps that living
 * pools would not survive: these are held back if this program can do without. Several processes
 * may run this at once: they queue for an advisory lock, and the later ones find nothing to do.
 *
 * @throws {OlderPoolsRun} {EncodingUnsuitable}
 */
export async function migrate(db: Db, options: MigrateOptions = {}): Promise<Migrated> {
  const { locksWithinMs = 60_000, onWait = () => {}, signal } = options;
  await requireEncoding(db);
  const patience = {
    forMs: locksWithinMs,
    onLocked: (by: string) => onWait(`other transactions use the tables: ${by}; trying again`),
  };
  const applied: string[] = [];
  let told = "";
  for (;;) {
    const done = await migrateOnce(db, options, patience);
    applied.push(...done.applied);
    if (!done.heldBack || options.endsOlderPools !== true) return { ...done, applied };
    if (signal?.aborted) {
      await withdraw(db);
      return { ...done, applied };
    }
    const pools = listed(done.heldBack.pools);
    if (told !== pools) onWait(`waiting until these older pools have ended: ${pools}`);
    told = pools;
    await sleep(pollPoolsMs, undefined, signal ? { signal } : {}).catch(() => {}); // aborted
  }
}

async function migrateOnce(
  db: Db,
  { endsOlderPools = false }: MigrateOptions,
  patience: LockPatience,
): Promise<Migrated> {
  return await db.sql.begin("isolation level read committed", async (sql) => {
    // If this names the tablespace of the database itself, the server refuses partitioned tables.
    await sql`
      select set_config('default_tablespace', '', true)
      from pg_database join pg_tablespace t on t.oid = dattablespace
      where datname = current_database() and spcname = current_setting('default_tablespace')`;
    const turn = `pdoflow migrate ${db.target.schema}`;
    await sql`select pg_advisory_xact_lock(hashtextextended(${turn}, 0))`;
    await waitShortly(sql);
    let migrated: Migrated = { applied: [], heldBack: null };
    await whileLocked({ ...db, sql }, patience, async (tx) => {
      migrated = await applySteps(db, tx, endsOlderPools);
    });
    return migrated;
  });
}

async function applySteps(db: Db, sql: Tx, endsOlderPools: boolean): Promise<Migrated> {
  await prepareSchema(db, sql);
  const inside = { ...db, sql: sql as unknown as Sql };
  const pending = await pendingMigrations(inside);
  const { heldBack, now } = await chooseSteps(inside, pending, endsOlderPools);
  for (const migration of now) {
    await sql.unsafe(migration.sql); // our own text, several statements in one
  }
  const last = now.at(-1)?.number;
  // A new schema has everything of the later migrations too.
  const written = last === 1 ? known : now;
  for (const each of written) await writeRow(inside, each);
  if (heldBack) await announce(inside, pending.slice(now.length), endsOlderPools);
  if (now.length > 0) await sql`select ${db.schema}.apply_grants()`;
  return { applied: now.map(({ name }) => name), heldBack };
}

/** Creates the schema and the table of its migrations. */
export async function prepareSchema({ schema, target }: Db, sql: Sql | Tx): Promise<void> {
  // Not "if not exists" alone, which requires a right to the database that an owner may lack.
  const [home] = await sql`
    select from pg_namespace where nspname = ${target.schema}`;
  if (!home) await sql`create schema if not exists ${schema}`;
  const [table] =
    await sql`select from pg_class where oid = to_regclass(${`${target.schema}.migration`})`;
  if (table) return;
  await sql`
    create table ${schema}.migration (
      number integer primary key,
      name text not null,
      digest text constraint digest_is_short check (length(digest) <= 64),
      compatible_since integer not null,
      applied_at timestamptz default now())`;
  await sql`
    comment on table ${schema}.migration is
    'One row: one migration that was applied or, without applied_at, waits until older pools have
  ended. digest: of the whole schema after it, if that is the newest of the program that applied it.
  compatible_since: the oldest version of the schema whose programs can use it afterwards.'`;
}

/**
 * The migrations to apply now, and those to hold back because they remove what living pools use.
 *
 * @throws {OlderPoolsRun} this program needs one that would be held back.
 */
async function chooseSteps(
  db: Db,
  pending: readonly Pending[],
  endsOlderPools: boolean,
): Promise<{ now: readonly Pending[]; heldBack: HeldBack | null }> {
  const first = pending[0];
  if (first === undefined || first.number === 1) return { now: pending, heldBack: null };
  for (const [index, { name, number, compatibleSince }] of pending.entries()) {
    const pools = await olderPools(db, compatibleSince);
    if (pools.length === 0) continue;
    const isNeeded = number <= oldestUsableSchema();
    if (isNeeded && !endsOlderPools) throw new OlderPoolsRun(db.target.schema, name, pools);
    const names = pending.slice(index).map((each) => each.name);
    return { now: pending.slice(0, index), heldBack: { names, compatibleSince, pools } };
  }
  return { now: pending, heldBack: null };
}

async function writeRow(
  { sql, schema }: Db,
  { number, name, compatibleSince }: Pending,
): Promise<void> {
  const digest = number === schemaVersion() ? schemaDigest() : null;
  await sql`
    insert into ${schema}.migration as m (number, name, digest, compatible_since)
    values (${number}, ${name}, ${digest}, ${compatibleSince})
    on conflict (number) do update set digest = excluded.digest, applied_at = excluded.applied_at
    where m.applied_at is null`;
}

/** Announces the migrations that wait: older pools end when they see it, and none start. */
async function announce(db: Db, pending: readonly Pending[], isWanted: boolean): Promise<void> {
  if (!isWanted) return await withdraw(db);
  const { sql, schema, target } = db;
  for (const { number, name, compatibleSince } of pending) {
    const announced = await sql`
      insert into ${schema}.migration (number, name, compatible_since, applied_at)
      values (${number}, ${name}, ${compatibleSince}, null)
      on conflict (number) do nothing returning number`;
    if (announced.length > 0) await sql`select pg_notify(${`${target.schema}.changed`}, '')`;
  }
}

async function withdraw({ sql, schema }: Db): Promise<void> {
  await sql`delete from ${schema}.migration where applied_at is null`;
}
