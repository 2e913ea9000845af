import type { Db } from "../../db/connection/connect.ts";
import { type WaitingPosting, readWaitingPostings } from "../../db/read/explain.ts";
import { obstacleOf } from "./explain.ts";
import type { JobCounts } from "../../domain/states.ts";

/** The number of postings that one line names at most. */
const maxNamed = 10;

/** Why no pool runs the waiting postings, one line for each reason. */
export async function obstacleLines(
  db: Db,
  postings: readonly { id: number; jobs: JobCounts }[],
  isShown: (facts: WaitingPosting) => boolean = () => true,
): Promise<string[]> {
  const waiting = postings.filter(({ jobs }) => jobs.waiting + jobs.retrying > 0);
  const facts = await readWaitingPostings(
    db,
    waiting.map(({ id }) => id),
  );
  const byReason = new Map<string, number[]>();
  for (const each of facts) {
    const obstacle = isShown(each) ? obstacleOf(each) : null;
    if (obstacle === null) continue;
    const reason = each.refusal === null ? obstacle : `${obstacle}: it was ${each.refusal}`;
    byReason.set(reason, [...(byReason.get(reason) ?? []), each.id]);
  }
  return [...byReason].map(([reason, ids]) => {
    const more = ids.length > maxNamed ? ` and ${ids.length - maxNamed} more` : "";
    const names = `${ids.slice(0, maxNamed).join(", ")}${more}`;
    return ids.length === 1
      ? `posting ${names} waits because ${reason}`
      : `postings ${names} wait because ${reason}`;
  });
}
