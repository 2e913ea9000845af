import { type Db, isConnectionLoss } from "./connect.ts";

/** Identifies a server among a primary and its standbys, which share their past. */
export interface ServerIdentity {
  /** The same on a primary and its standbys. */
  system: string;
  /** Greater on a promoted standby than on its old primary; eight hex digits. */
  timeline: string;
}

/** Null if the server does not report it, as with services that hide it from ordinary roles. */
export async function readServerIdentity({ sql }: Db): Promise<ServerIdentity | null> {
  try {
    const [row] = await sql<ServerIdentity[]>`
      select system_identifier::text as system,
             left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline
      from pg_control_system()`;
    return row ?? null;
  } catch (error) {
    if (isConnectionLoss(error)) throw error;
    return null;
  }
}
