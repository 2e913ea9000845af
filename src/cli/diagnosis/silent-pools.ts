import { roughTime } from "../../../tui/draw/pace.ts";
import type { Db } from "../../db/connection/connect.ts";
import { readLivePools } from "../../db/read/explain.ts";
import { readSilentPools, type SilentPool } from "../../db/read/silent-pools.ts";
import type { Route } from "../../domain/route.ts";
import { startPool } from "../../domain/start-pool.ts";
import type { JobCounts } from "../../domain/states.ts";

/** The facts about the silent pools that have jobs of a posting. */
interface SilenceFacts {
  id: number;
  route: Pick<Route, "project" | "needs" | "run">;
  silent: readonly SilentPool[];
  /** Whether another pool is live, which releases the jobs. */
  isRescued: boolean;
}

/** That pools are silent, and who releases their jobs: a whole sentence without its full stop. */
export function silenceText({ id, route, silent, isRescued }: SilenceFacts): string {
  const [first] = silent;
  const who =
    silent.length === 1 && first
      ? `pool ${first.id} on ${first.host} has`
      : `pools ${silent.map((pool) => pool.id).join(", ")} have`;
  const shortest = Math.min(...silent.map(({ beatAgoMs }) => beatAgoMs));
  return `${who} sent no heartbeat for ${roughTime(shortest)}; ${remedy({ id, route, isRescued })}`;
}

function remedy({ id, route, isRescued }: Omit<SilenceFacts, "silent">): string {
  if (isRescued) return "another pool will release these jobs";
  if (route.run !== "") return `to release these jobs and run them: pdoflow run --resume ${id}`;
  return `to release these jobs, start a pool: ${startPool(route)}`;
}

/** A line for each posting of which silent pools have claimed jobs, by its number. */
export async function silenceLines(
  db: Db,
  postings: readonly { id: number; jobs: Pick<JobCounts, "running"> }[],
): Promise<Map<number, string>> {
  const running = postings.filter(({ jobs }) => jobs.running > 0);
  const found = await readSilentPools(
    db,
    running.map(({ id }) => id),
  );
  if (found.length === 0) return new Map();
  const isRescued = (await readLivePools(db)).length > 0;
  return new Map(
    found.map((facts) => [
      facts.id,
      `posting ${facts.id}: ${silenceText({ ...facts, isRescued })}`,
    ]),
  );
}
