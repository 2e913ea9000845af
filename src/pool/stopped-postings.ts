import { findStopped } from "../db/engine/control.ts";
import type { LeasedJob } from "./wire/leased-job.ts";
import type { Runner } from "./run/runner.ts";
import type { Links, Session } from "./session/session.ts";

/**
 * Looks whether postings of which a pool has jobs in hand were paused, stopped or cancelled. What
 * has not started goes back; what runs goes on, or is killed where the posting was cancelled.
 */
export async function obeyStops(
  session: Session,
  { side }: Links,
  runner: Runner,
  release: (jobs: readonly LeasedJob[]) => Promise<void>,
): Promise<void> {
  const ids = session.recorder.postings;
  if (ids.length === 0) return;
  const stopped = await side.ask((db) => findStopped(db, ids));
  if (stopped.length === 0) return;
  const byId = new Map(stopped.map((posting) => [posting.id, posting]));
  await release(runner.withdraw(({ posting }) => byId.has(posting.id)));
  runner.condemn(({ job }) => {
    const posting = byId.get(job.posting.id);
    if (posting?.state !== "cancelled" || !posting.killsRunning) return null;
    const message = posting.reason ?? "the posting was cancelled";
    return { state: "cancelled", error: { name: "Cancelled", message } };
  });
}
