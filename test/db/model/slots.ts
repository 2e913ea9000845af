// The number of worker slots for autoscalers, counted job by job.
import type { Db } from "../../../src/db/connection/connect.ts";
import { laneOf, type Posting, type Queue } from "./queue.ts";

/** Whether desired_slots returns another number than the jobs that run or could run. */
export async function wrongSlots({ sql }: Db, queue: Queue): Promise<string[]> {
  const [row] = await sql<{ slots: number }[]>`select pdoflow.desired_slots() as slots`;
  const slots = row?.slots ?? -1;
  const parts = [...queue.postings.values()].map((posting) => slotsOf(queue, posting));
  const least = parts.reduce((sum, part) => sum + part.least, 0);
  const most = parts.reduce((sum, part) => sum + part.most, 0);
  // A posting whose jobs have all ended needs a pool that ends it.
  const isLate = most === 0 && parts.some((part) => part.isLate);
  if (isLate ? slots === 1 : slots >= least && slots <= most) return [];
  return [`desired_slots returns ${slots}, but ${least} to ${most} jobs run or could run`];
}

/** How many suspects count depends on their ranges: each counts as one job (Y3). */
function slotsOf(queue: Queue, posting: Posting) {
  const counts = { running: 0, waiting: 0, suspects: 0, left: 0 };
  for (let seq = 0; seq < posting.jobCount && !posting.isEnded; seq++) {
    const place = queue.places.get(`${posting.id}/${seq}`);
    if (place === undefined || place.at === "cancelled") continue;
    if (place.at !== "ended" || place.state === "retried") counts.left++;
    if (place.at === "lease") counts.running++;
    if (place.at === "lane") counts.waiting += Number(isOpen(queue, posting, seq));
    if (place.at === "retry" && place.due === "now") {
      if (place.lost >= 2) counts.suspects++;
      else counts.waiting++;
    }
  }
  const { running, waiting, suspects, left } = counts;
  const limit = posting.maxRunning ?? Infinity;
  return {
    least: Math.min(running + waiting + Math.min(suspects, 1), limit),
    most: Math.min(running + waiting + suspects, limit),
    isLate: !posting.isEnded && left === 0,
  };
}

/** Whether a pool that came now could claim a job that was never claimed. */
function isOpen(queue: Queue, posting: Posting, seq: number): boolean {
  const { state } = laneOf(queue, { postingId: posting.id, seq });
  return state === "open" || (posting.state === "open" && posting.start === "due");
}
