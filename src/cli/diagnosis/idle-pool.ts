import type { Db } from "../../db/connection/connect.ts";
import { readEdges } from "../../db/read/edges.ts";
import { countOfOthers, readHalted, readWaiting } from "../../db/read/lists.ts";
import { blockedText, waitText } from "../../domain/edge-text.ts";
import { startPool } from "../../domain/start-pool.ts";

/** Why a pool of a project (null for any) found nothing to run: what it would run otherwise. */
export async function idleReasons(db: Db, own: string | null): Promise<string[]> {
  const halted = (await readHalted(db, own)).map(
    ({ id, state }) => `posting ${id} is ${state}; resume it with: pdoflow resume ${id}`,
  );
  const edges = await readEdges(
    db,
    (await readWaiting(db, own)).map(({ id }) => id),
  );
  const waiting = [...edges].map(
    ([id, upstreams]) =>
      `posting ${id} ${blockedText(id, upstreams) ?? `waits for ${waitText(upstreams)}`}`,
  );
  const others = own === null ? [] : await countOfOthers(db, own);
  return [
    ...halted,
    ...waiting,
    ...others.map(
      ({ project, postings }) =>
        `${postings === 1 ? "1 posting" : `${postings} postings`} of project ${project} ` +
        `${postings === 1 ? "waits" : "wait"} for a pool of that project. ` +
        `Start one with: ${startPool({ project, needs: [] })}`,
    ),
  ];
}
