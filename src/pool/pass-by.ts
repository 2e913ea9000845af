import type { LeasedJob } from "./wire/leased-job.ts";
import { retryUntil } from "./session/retry-until.ts";
import type { PoolOptions } from "./options.ts";
import type { Runner } from "./run/runner.ts";
import type { Session } from "./session/session.ts";

/**
 * Passes by postings of one entry point whose code this root lacks. Returns the jobs of theirs that
 * are in hand, to be released: no attempt of them is used up, and other pools may run them.
 */
export async function passBy(
  session: Session | null,
  runner: Runner,
  { codeWatch, log }: Pick<PoolOptions, "codeWatch" | "log">,
  jobs: readonly LeasedJob[],
  reason: string,
): Promise<LeasedJob[]> {
  const [first] = jobs;
  if (!first || !session) return [];
  const { id, entryPoint } = first.posting;
  if (codeWatch.lack(entryPoint, reason)) {
    log(
      `posting ${id} is passed by, as all of ${entryPoint}: ${reason} ` +
        "The pool looks again when the code here has changed.",
    );
  }
  await noteLack(session, entryPoint, jobs, reason);
  const ids = new Set(jobs.map(({ posting }) => posting.id));
  return [...jobs, ...runner.withdraw(({ posting }) => ids.has(posting.id))];
}

/** Notes that the code of these jobs is not here, so that the pool claims no more of them (H1). */
export async function noteLack(
  session: Session,
  entryPoint: string,
  jobs: readonly LeasedJob[],
  reason: string,
): Promise<void> {
  const routeOf = new Map(jobs.map(({ posting }) => [posting.id, posting.routeId]));
  const refused = new Map([...routeOf.keys()].map((id) => [id, reason]));
  await retryUntil(
    () => session.claimer.refusals.add(refused, routeOf, entryPoint),
    () => !session.isOver,
  );
}
