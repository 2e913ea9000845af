import { type Db, isConnectionLoss } from "../connection/connect.ts";
import { readServerIdentity } from "../connection/server-identity.ts";

/** How a server passes its transactions on. */
export interface Replication {
  /** Grows by one with each failover; null if the server hides it. */
  timeline: number | null;
  /** The standbys that are connected. */
  standbys: number;
  /** Whether a commit waits for a standby. */
  isSynchronous: boolean;
  /** Whether Patroni manages it, as the settings that Patroni passes to a server show. */
  isPatroni: boolean;
}

/** Null if the server does not report it. */
export async function readReplication(db: Db): Promise<Replication | null> {
  try {
    const [row] = await db.sql<Omit<Replication, "timeline">[]>`
      select (select count(*)::integer from pg_stat_replication) as standbys,
             current_setting('synchronous_standby_names') <> ''
               and current_setting('synchronous_commit') not in ('off', 'local') as is_synchronous,
             coalesce((select bool_and(source = 'command line' and setting <> '') from pg_settings
                       where name in ('cluster_name', 'wal_log_hints')), false) as is_patroni`;
    const identity = await readServerIdentity(db);
    const timeline = identity === null ? null : Number.parseInt(identity.timeline, 16);
    return row === undefined ? null : { ...row, timeline };
  } catch (error) {
    if (isConnectionLoss(error)) throw error;
    return null;
  }
}
