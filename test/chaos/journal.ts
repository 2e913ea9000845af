import { readFileSync } from "node:fs";

/** One start of one job, as the job itself wrote it down. */
export interface Run {
  batch: number;
  index: number;
  /** The worker, and the pool that it belongs to. */
  pid: number;
  pool: number;
  startedAt: number;
  /** Null if the job did not come to its end, not even by throwing. */
  endedAt: number | null;
  isDone: boolean;
}

/** All starts of all jobs, by the number of their batch. */
export function readJournal(path: string): Map<number, Run[]> {
  const byBatch = new Map<number, Run[]>();
  /** A worker runs one job at a time. */
  const going = new Map<number, Run>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const [mark, ...fields] = line.split(" ");
    const [batch = NaN, index = NaN, pid = NaN, pool = NaN, at = NaN] = fields.map(Number);
    if (mark === "start") {
      const run = { batch, index, pid, pool, startedAt: at, endedAt: null, isDone: false };
      going.set(pid, run);
      const runs = byBatch.get(batch) ?? [];
      runs.push(run);
      byBatch.set(batch, runs);
      continue;
    }
    const run = going.get(pid);
    if (run?.batch !== batch || run.index !== index) {
      throw new Error(`the journal has an end without its start: ${line}`);
    }
    run.endedAt = at;
    run.isDone = mark === "end";
    going.delete(pid);
  }
  return byBatch;
}
