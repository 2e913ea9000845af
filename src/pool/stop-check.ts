import { findStopped } from "../db/engine/control.ts";
import type { Runner } from "./run/runner.ts";
import type { Links, Session } from "./session/session.ts";
import type { JobRun } from "./wire/leased-job.ts";

/**
 * Checks which postings of this pool's jobs were paused, stopped or cancelled. Returns their
 * unstarted jobs, to be released. Running jobs continue, unless their posting was cancelled in a
 * way that kills them.
 */
export async function withdrawStopped(
  session: Session,
  { side }: Links,
  runner: Runner,
): Promise<JobRun[]> {
  const ids = session.recorder.postings;
  if (ids.length === 0) return [];
  const stopped = await side.ask((db) => findStopped(db, ids));
  if (stopped.length === 0) return [];
  const byId = new Map(stopped.map((posting) => [posting.id, posting]));
  const runs = runner.withdraw(({ posting }) => byId.has(posting.id));
  runner.terminate(({ job }) => {
    const posting = byId.get(job.posting.id);
    if (posting?.state !== "cancelled" || !posting.killsRunning) return null;
    const message = posting.reason ?? "the posting was cancelled";
    return { state: "cancelled", error: { name: "Cancelled", message } };
  });
  return runs;
}
