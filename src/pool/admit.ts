import { stopPosting } from "../db/control.ts";
import type { HeldJob } from "./held-job.ts";
import { insist } from "./insist.ts";
import type { PoolOptions } from "./options.ts";
import type { Links, Session } from "./session.ts";
import type { Judge, Verdict } from "./verdict.ts";

/** What was claimed, sorted by whether it may run. */
export interface Admitted {
  jobs: HeldJob[];
  refused: HeldJob[];
  /** How many postings were stopped. */
  stopped: number;
  /** Workers may have imported other code than that which these jobs are for. */
  isCodeNew: boolean;
}

/**
 * Which of the jobs of a claim may run; null where the leases are not held any more. A posting that
 * is refused is stopped, and the reason noted on it: else it would be claimed again and again.
 */
export async function admit(
  jobs: HeldJob[],
  session: Session,
  links: Links,
  { trust, codeWatch, host, log }: Pick<PoolOptions, "trust" | "codeWatch" | "host" | "log">,
  isWanted: () => boolean,
): Promise<Admitted | null> {
  const { recoveries } = session;
  const isHeld = () => isWanted() && session.recoveries === recoveries;
  const checked = trust ? await insist(() => stopRefused(trust), isHeld) : nothingRefused;
  if (!checked) return null;
  const { refused } = checked;
  for (const [id, why] of refused) log(`posting ${id} was refused: ${why}`);
  const isRefused = ({ posting }: HeldJob) => refused.has(posting.id);
  const kept = refused.size === 0 ? jobs : jobs.filter((job) => !isRefused(job));
  const hasChanged = await codeWatch?.hasChanged(kept);
  const isCodeNew = checked.isCodeNew || hasChanged === true;
  if (isCodeNew) log("code has changed: replacing the workers");
  const back = refused.size === 0 ? [] : jobs.filter(isRefused);
  return isHeld() ? { jobs: kept, refused: back, stopped: refused.size, isCodeNew } : null;

  async function stopRefused(by: Judge): Promise<Verdict> {
    const verdict = await by.check(jobs, (work) => links.work.ask(work));
    for (const [id, why] of verdict.refused) {
      const reason = `refused by the pool on ${host}: ${why}`;
      await links.work.ask((db) => stopPosting(db, id, reason));
    }
    return verdict;
  }
}

const nothingRefused: Verdict = { refused: new Map(), isCodeNew: false };
