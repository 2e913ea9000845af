import type { ScheduleOverview } from "../../src/db/read/schedules.ts";
import type { PoolDetails } from "../../src/db/dashboard/pool-details.ts";
import type {
  JobsPage,
  JobsFilter,
  Metrics,
  Snapshot,
  TopJob,
} from "../../src/db/dashboard/top-snapshot.ts";

// The queue, as the dashboard reads and changes it.

export type Action =
  | { kind: "pause" | "resume" | "cancel" | "retry"; ids: readonly number[] }
  | { kind: "priority"; changes: readonly { id: number; priority: number }[] }
  | { kind: "retryGroup"; groups: readonly { postingId: number; fingerprint: string }[] }
  | { kind: "drain"; ids: readonly number[] };

export interface TopSource {
  snapshot(): Promise<Snapshot>;
  jobs(filter: JobsFilter): Promise<JobsPage>;
  /** Null if the job was deleted. */
  job(postingId: number, index: number): Promise<TopJob | null>;
  /** Null if the pool was deleted. */
  pool(poolId: number): Promise<PoolDetails | null>;
  metrics(): Promise<Metrics>;
  schedules(): Promise<readonly ScheduleOverview[]>;
  /** Returns a sentence that describes the result. */
  act(action: Action): Promise<string>;
}
