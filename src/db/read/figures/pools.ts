import type { PoolRowState } from "../../../domain/states.ts";
import { integers } from "../../connection/array.ts";
import type { Db } from "../../connection/connect.ts";

/** A pool that has run jobs, and when it was there. */
export interface ReportedPool {
  id: number;
  host: string;
  pid: number;
  version: string;
  slots: number;
  state: PoolRowState;
  startedAt: Date;
  /** Its last heartbeat, if it is not alive any more. */
  endedAt: Date | null;
}

/** The pools with these numbers that are still known. */
export const readReportedPools = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  ReportedPool[]
>`
  select id, host, pid, version, slots, state, started_at,
         case when state in ('stopped', 'lost') then heartbeat_at end as ended_at
  from ${schema}.pool where id = any (${integers(ids)}::bigint[]) order by id`;
