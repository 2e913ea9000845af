// Conditions on the rows of the table `pool`.
import type { Sql, Tx } from "./connect.ts";

/** Otherwise other pools can rescue its jobs. */
const hasHeartbeat = (sql: Sql | Tx) => sql`
  (heartbeat_at > clock_timestamp() - heartbeat_timeout_ms * interval '1 ms')`;

/** The pool has not ended, and its heartbeat is newer than its timeout (O3). */
export const isAlive = (sql: Sql | Tx) => sql`
  state in ('up', 'draining') and ${hasHeartbeat(sql)}`;

/** The pool has not ended, and its heartbeat is older than its timeout. */
export const isSilent = (sql: Sql | Tx) => sql`
  state in ('up', 'draining') and not ${hasHeartbeat(sql)}`;

/** A live pool that does not drain: it claims jobs. */
export const isUp = (sql: Sql | Tx) => sql`state = 'up' and ${hasHeartbeat(sql)}`;
