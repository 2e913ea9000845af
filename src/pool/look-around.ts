import type { LeasedJob } from "./wire/leased-job.ts";
import type { PoolOptions } from "./options.ts";
import type { Runner } from "./run/runner.ts";
import type { Links, Session } from "./session/session.ts";
import { obeyStops } from "./stopped-postings.ts";

/**
 * What a pool sees to each second: it replaces workers that may have imported other code than what
 * there is now, and stops the jobs of postings that were paused or cancelled. Jobs that run end
 * with the code that they have; all others start in new workers.
 */
export async function lookAround(
  session: Session,
  links: Links,
  runner: Runner,
  { codeWatch, log }: Pick<PoolOptions, "codeWatch" | "log">,
  release: (jobs: readonly LeasedJob[]) => Promise<void>,
): Promise<void> {
  if (!runner.isIdle && (await codeWatch.hasChanged([]))) {
    log("code has changed: replacing the workers");
    runner.renew();
  }
  await obeyStops(session, links, runner, release);
}
