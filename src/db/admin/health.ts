import type { Provides } from "../../domain/capabilities.ts";
import { groupBy } from "../../domain/node-20.ts";
import { type SharedDevices, sharedDevices } from "../../domain/shared-devices.ts";
import { texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import {
  noNotifications,
  type NotificationHealth,
  readNotificationHealth,
} from "./notification-health.ts";
import { isAlive, isUp } from "../connection/live-pools.ts";
import { readReplication, type Replication } from "./replication.ts";
import { probeTablespaces } from "./disk-probe.ts";
import { noSchedules, readScheduleHealth, type ScheduleHealth } from "./schedule-health.ts";
import { schemaState } from "./schema-state.ts";
import { oldestUsableSchema, schemaVersion } from "./this-schema.ts";
import { findVacuumBlockers } from "./vacuum.ts";

/** The facts about a server and a queue that doctor checks. Times are in ms. */
export interface Health extends PoolHealth, ScheduleHealth, NotificationHealth {
  /** Such as 180004. */
  serverVersion: number;
  isReadOnly: boolean;
  isPooled: boolean;
  /** Values of `show` by name; null if the server has no such setting. */
  settings: Readonly<Record<string, string | null>>;
  /** Tablespaces of the queue in which a probe could not be written, with the server's reason. */
  fullTablespaces: readonly { name: string; reason: string }[];
  /** Null if the server does not report it. */
  replication: Replication | null;
  connections: { used: number; most: number };
  /** The age of the oldest transaction of the database, in transactions. */
  oldestTransaction: number;
  /** The server's clock minus this machine's. */
  clockSkewMs: number;
  roundTripMs: number;
  schema: {
    name: string;
    /** 0 if there is no schema. */
    version: number;
    /** The oldest version whose programs can use it. */
    compatibleSince: number;
    /** The version that this program was made for, and the oldest one that it can use. */
    known: number;
    oldestUsable: number;
    isOfThisBuild: boolean;
    /** Tables that the role cannot read or write, and functions that it cannot call. */
    forbidden: readonly string[];
    /** Indexes that were not built completely. */
    brokenIndexes: readonly string[];
  };
  tables: readonly { name: string; live: number; dead: number; bytes: number }[];
  blockers: readonly { kind: string; name: string; who: string; ageMs: number | null }[];
}

/** Live pools of the same version. */
export interface PoolVersion {
  /** Such as "0.1.0 (3f2a9c1)". */
  version: string;
  /** The version of the schema that they were made for. */
  schemaVersion: number;
  pools: number;
}

/** The facts about pools that doctor checks. Times are in ms. */
export interface PoolHealth {
  /** Live pools without a heartbeat; after `leftMs`, other pools can rescue their jobs. */
  silentPools: readonly {
    id: number;
    host: string;
    pid: number;
    role: string;
    beatAgoMs: number;
    leftMs: number;
  }[];
  /** Devices that two live pools of a machine offer. */
  sharedDevices: readonly (SharedDevices & { host: string; pools: readonly [number, number] })[];
  poolsUp: number;
  /** The shortest heartbeat timeout of the live pools; null without any. */
  heartbeatTimeoutMs: number | null;
  /** The live pools by version, those for the oldest schema first; at most 20 versions. */
  poolVersions: readonly PoolVersion[];
  /** Active leases of pools that have ended. */
  orphanedLeases: number;
  openPostings: number;
  /** Open postings that a live pool refuses, and one of them with the reason. */
  passedBy: { postings: number; example: string | null };
}

const watched = [
  ...["autovacuum", "default_transaction_read_only", "fsync", "server_encoding"],
  ...["full_page_writes", "idle_in_transaction_session_timeout", "idle_session_timeout"],
  ...["statement_timeout", "synchronous_commit", "track_counts", "transaction_timeout"],
];

/** Checks a server and its queue, and leaves nothing behind. `now` is this machine's clock. */
export async function readHealth(db: Db, now: () => number): Promise<Health> {
  const clock = await compareClocks(db, now);
  const forbidden = await forbiddenThings(db);
  const { version, compatibleSince, isOfThisBuild } =
    forbidden.length === 0
      ? await schemaState(db)
      : { version: schemaVersion(), compatibleSince: 1, isOfThisBuild: true };
  const isKnown = version >= oldestUsableSchema() && compatibleSince <= schemaVersion();
  const isUsable = isKnown && forbidden.length === 0;
  return {
    ...(await readServer(db)),
    ...clock,
    isPooled: db.isPooled,
    replication: await readReplication(db),
    settings: await readSettings(db),
    fullTablespaces: await probeTablespaces(db),
    schema: {
      name: db.target.schema,
      version,
      compatibleSince,
      known: schemaVersion(),
      oldestUsable: oldestUsableSchema(),
      isOfThisBuild,
      forbidden,
      brokenIndexes: await brokenIndexes(db),
    },
    tables: await readTables(db),
    blockers: await findVacuumBlockers(db),
    ...(isUsable ? await readPools(db) : noPools),
    ...(isUsable && (await seesSchedules(db))
      ? { ...(await readScheduleHealth(db)), ...(await readNotificationHealth(db)) }
      : { ...noSchedules, ...noNotifications }),
  };
}

const noPools = {
  ...{
    silentPools: [],
    sharedDevices: [],
    poolsUp: 0,
    heartbeatTimeoutMs: null,
    poolVersions: [],
    orphanedLeases: 0,
    openPostings: 0,
  },
  passedBy: { postings: 0, example: null },
};

/** The server read its clock at some time between our query and its answer: the best of five. */
async function compareClocks({ sql }: Db, now: () => number) {
  let best = { clockSkewMs: 0, roundTripMs: Infinity };
  for (let i = 0; i < 5; i++) {
    const [sentAt, startedAt] = [now(), performance.now()];
    const [row] = await sql<{ ms: number }[]>`
      select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
    const roundTripMs = performance.now() - startedAt;
    if (roundTripMs >= best.roundTripMs) continue;
    best = { roundTripMs, clockSkewMs: (row?.ms ?? 0) - (sentAt + roundTripMs / 2) };
  }
  return best;
}

interface ServerRow {
  serverVersion: number;
  isReadOnly: boolean;
  used: number;
  most: number;
  oldestTransaction: number;
}

async function readServer({ sql }: Db) {
  const [row] = await sql<ServerRow[]>`
    select current_setting('server_version_num')::integer as server_version,
           pg_is_in_recovery() as is_read_only,
           (select count(*)::integer from pg_stat_activity
            where backend_type = 'client backend') as used,
           current_setting('max_connections')::integer as most,
           (select age(datfrozenxid)::integer from pg_database
            where datname = current_database()) as oldest_transaction`;
  if (!row) throw new Error("a select without from returned no row");
  const { used, most, ...server } = row;
  return { ...server, connections: { used, most } };
}

async function readSettings({ sql }: Db): Promise<Record<string, string | null>> {
  const rows = await sql<{ name: string; value: string | null }[]>`
    select name, current_setting(name, true) as value from unnest(${texts(watched)}::text[]) name`;
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

/**
 * The rights that a role needs without a grant of `pdoflow grant`, and lacks: tables to read and
 * write, functions to call. A role with a grant can call at least one function.
 */
async function forbiddenThings({ sql, target }: Db): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    with home as (select to_regnamespace(quote_ident(${target.schema})) as oid)
    select 'schema ' || ${target.schema} as name from home
    where not has_schema_privilege(home.oid, 'usage')
    union all
    select 'table ' || c.relname from pg_class c, home
    where c.relnamespace = home.oid and c.relkind in ('r', 'p') and not c.relispartition
      and not (has_table_privilege(c.oid, 'select')
        and (c.relname = 'migration' or has_table_privilege(c.oid, 'insert')
             and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')))
    union all
    select distinct 'function ' || p.proname from pg_proc p, home
    where p.pronamespace = home.oid and not has_function_privilege(p.oid, 'execute')`;
  const granted = await sql`
    select from pg_proc
    where pronamespace = to_regnamespace(quote_ident(${target.schema})) and proname = 'caller'
      and has_function_privilege(oid, 'execute')`;
  return granted.length > 0 ? [] : rows.map(({ name }) => name);
}

/** Whether this role may read schedules and failures: one for pools alone may not. */
async function seesSchedules({ sql, target }: Db): Promise<boolean> {
  const [row] = await sql<{ sees: boolean }[]>`
    select bool_and(has_table_privilege(oid, 'select')) as sees from pg_class
    where relnamespace = to_regnamespace(quote_ident(${target.schema}))
      and relname in ('schedule', 'fire', 'failure')`;
  return row?.sees ?? false;
}

async function brokenIndexes({ sql, target }: Db): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select c.relname::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
    where not i.indisvalid and c.relkind = 'i'
      and c.relnamespace = to_regnamespace(quote_ident(${target.schema}))
      and not exists (select from pg_stat_progress_create_index where relid = i.indrelid)
    order by 1`;
  return rows.map(({ name }) => name);
}

const readTables = ({ sql, target }: Db) => sql<Health["tables"][number][]>`
  select relname::text as name, n_live_tup::float8 as live, n_dead_tup::float8 as dead,
         pg_total_relation_size(relid)::float8 as bytes
  from pg_stat_user_tables where schemaname = ${target.schema} order by relname`;

async function readPools({ sql, schema }: Db) {
  const silentPools = await sql<Health["silentPools"][number][]>`
    select number as id, host, pid, role,
           (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::float8 as beat_ago_ms,
           (extract(epoch from heartbeat_at - clock_timestamp()) * 1000
             + heartbeat_timeout_ms)::float8 as left_ms
    from ${schema}.pool
    where state in ('up', 'draining') and (
      heartbeat_at < clock_timestamp() - 2::bigint * heartbeat_timeout_ms * interval '1 ms'
      or heartbeat_at < clock_timestamp() - interval '1 min')
    order by number limit 100`;
  const [row] = await sql<
    { up: number; timeoutMs: number; versions: PoolVersion[]; orphans: number; open: number }[]
  >`
    select (select count(*)::integer from ${schema}.pool
            where state in ('up', 'draining')
              and heartbeat_at >= clock_timestamp()
                - least(heartbeat_timeout_ms, 60000) * interval '1 ms') as up,
           (select min(heartbeat_timeout_ms) from ${schema}.pool
            where state in ('up', 'draining')) as timeout_ms,
           (select coalesce(json_agg(json_build_object(
              'version', version, 'schemaVersion', schema_version, 'pools', pools)), '[]') from (
              select version, schema_version, count(*) as pools from ${schema}.pool
              where state in ('up', 'draining')
              group by version, schema_version order by schema_version, version limit 20) v
           ) as versions,
           (select count(*)::integer from ${schema}.lease l
            where active and not exists (select from ${schema}.pool p
              where p.id = l.pool_id and p.state in ('up', 'draining'))) as orphans,
           (select count(*)::integer from ${schema}.posting
            where ended_at is null and state = 'open') as open`;
  const [passedBy] = await sql<Health["passedBy"][]>`
    select count(*)::integer as postings,
           min(id || ': ' || ${schema}.refusal_of(id)) as example
    from (
      select distinct p.id from ${schema}.refusal f join ${schema}.posting p on p.id = f.posting_id
      where p.ended_at is null and p.state = 'open' and exists (
        select from ${schema}.pool where id = any (f.pool_ids) and ${isUp(sql)})
      limit 1000) refused`;
  return {
    silentPools,
    sharedDevices: await readSharedDevices({ sql, schema }),
    passedBy: passedBy ?? noPools.passedBy,
    poolsUp: row?.up ?? 0,
    heartbeatTimeoutMs: row?.timeoutMs ?? null,
    poolVersions: row?.versions ?? [],
    orphanedLeases: row?.orphans ?? 0,
    openPostings: row?.open ?? 0,
  };
}

/** Of the newest pools with devices, each pair on one machine that has some in common. */
async function readSharedDevices({
  sql,
  schema,
}: Pick<Db, "sql" | "schema">): Promise<PoolHealth["sharedDevices"]> {
  const pools = await sql<{ id: number; host: string; provides: Provides }[]>`
    select number as id, host, provides from ${schema}.pool
    where ${isAlive(sql)}
      and exists (select from jsonb_each(provides) e where jsonb_typeof(e.value) = 'array')
    order by number desc limit 1000`;
  const byHost = groupBy(pools.toReversed(), ({ host }) => host);
  return [...byHost].flatMap(([host, all]) =>
    all.flatMap((a, at) =>
      all.slice(at + 1).flatMap((b) =>
        sharedDevices(a.provides, b.provides).map((shared) => ({
          ...{ ...shared, host, pools: [a.id, b.id] as const },
        })),
      ),
    ),
  );
}
