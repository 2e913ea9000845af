import { groupBy } from "../domain/group-by.ts";
import type { LeasedJob } from "./wire/leased-job.ts";
import { retryUntil } from "./session/retry-until.ts";
import type { PoolOptions } from "./options.ts";
import { noteLack } from "./pass-by.ts";
import type { Links, Session } from "./session/session.ts";
import type { Judge, Verdict } from "./trust/admission-policy.ts";

/** What was claimed, sorted by whether it may run. */
interface Admitted {
  jobs: LeasedJob[];
  refused: LeasedJob[];
  /** Workers may have imported other code than that which these jobs are for. */
  isCodeNew: boolean;
}

/**
 * Which of the jobs of a claim may run; null where the leases are not held any more. What is
 * refused is noted, and not claimed again by this pool (H1): others may run it.
 */
export async function admit(
  jobs: LeasedJob[],
  session: Session,
  links: Links,
  { trust, codeWatch, log }: Pick<PoolOptions, "trust" | "codeWatch" | "log">,
  isWanted: () => boolean,
): Promise<Admitted | null> {
  const { recoveries } = session;
  const isHeld = () => isWanted() && session.recoveries === recoveries;
  const checked = trust ? await retryUntil(() => noteRefused(trust), isHeld) : nothingRefused;
  if (!checked) return null;
  const { refused } = checked;
  for (const [id, why] of refused) log(`posting ${id} was refused: ${why}`);
  const isRefused = ({ posting }: LeasedJob) => refused.has(posting.id);
  const kept = refused.size === 0 ? jobs : jobs.filter((job) => !isRefused(job));
  const isCodeNew = checked.isCodeNew || (await codeWatch.hasChanged(kept));
  if (isCodeNew) log("code has changed: replacing the workers");
  const lacking = groupBy(
    kept.filter(({ posting }) => codeWatch.reasonFor(posting.entryPoint) !== undefined),
    ({ posting }) => posting.entryPoint,
  );
  const isBack = (job: LeasedJob) => isRefused(job) || lacking.has(job.posting.entryPoint);
  for (const [entryPoint, own] of lacking) {
    await noteLack(session, entryPoint, own, codeWatch.reasonFor(entryPoint) ?? "no code");
  }
  const back = refused.size + lacking.size === 0 ? [] : jobs.filter(isBack);
  const left = back.length === 0 ? jobs : jobs.filter((job) => !isBack(job));
  return isHeld() ? { jobs: left, refused: back, isCodeNew } : null;

  async function noteRefused(by: Judge): Promise<Verdict> {
    const verdict = await by.check(jobs, (work) => links.work.ask(work));
    if (verdict.refused.size === 0) return verdict;
    const routeOf = new Map(jobs.map(({ posting }) => [posting.id, posting.routeId]));
    for (const route of await session.claimer.refusals.add(verdict.refused, routeOf)) {
      const poster = session.claimer.posterOf(route);
      log(`too many postings of ${poster} were refused: for 5 minutes it takes none of them`);
    }
    return verdict;
  }
}

const nothingRefused: Verdict = { refused: new Map(), isCodeNew: false };
