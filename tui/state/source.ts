import type {
  JobsPage,
  JobsFilter,
  Numbers,
  Snapshot,
  TopJob,
} from "../../src/db/dashboard/top-snapshot.ts";

// What the dashboard asks of the queue.

export type Action =
  | { kind: "pause" | "resume" | "cancel" | "retry"; ids: readonly number[] }
  | { kind: "priority"; changes: readonly { id: number; priority: number }[] }
  | { kind: "retryGroup"; groups: readonly { postingId: number; fingerprint: string }[] }
  | { kind: "drain"; ids: readonly number[] };

export interface Source {
  snapshot(): Promise<Snapshot>;
  jobs(wish: JobsFilter): Promise<JobsPage>;
  /** Null where it is not there any more. */
  job(postingId: number, index: number): Promise<TopJob | null>;
  numbers(): Promise<Numbers>;
  /** What came of it, for a person. */
  act(action: Action): Promise<string>;
}
