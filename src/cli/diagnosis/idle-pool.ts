import type { Db } from "../../db/connection/connect.ts";
import { countOfOthers, readHalted } from "../../db/read/lists.ts";
import { startPool } from "../../domain/start-pool.ts";

/** Why a pool of a project (null for any) found nothing to run: what it would run otherwise. */
export async function idleReasons(db: Db, own: string | null): Promise<string[]> {
  const halted = (await readHalted(db, own)).map(
    ({ id, state }) => `posting ${id} is ${state}; resume it with: pdoflow resume ${id}`,
  );
  const others = own === null ? [] : await countOfOthers(db, own);
  return [
    ...halted,
    ...others.map(
      ({ project, postings }) =>
        `${postings === 1 ? "1 posting" : `${postings} postings`} of project ${project} ` +
        `${postings === 1 ? "waits" : "wait"} for a pool of that project. ` +
        `Start one with: ${startPool({ project, needs: [] })}`,
    ),
  ];
}
