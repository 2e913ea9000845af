// The effect of each function of sql/ on the queue, written once more as plainly as possible: job
// by job, without ranges, locks or totals.
import type { Outcome } from "../../../src/db/engine/outcomes.ts";
import {
  type Attempt,
  attemptKey,
  have,
  heldLeases,
  jobKey,
  laneOf,
  type Lease,
  type Place,
  type Posting,
  postingOf,
  type Queue,
  unfinished,
} from "./queue.ts";

/** The parts of an outcome that the model knows. */
export type ModelOutcome = Pick<
  Outcome,
  "leaseId" | "postingId" | "seq" | "attempt" | "state" | "delayMs"
>;

const jobsOf = (queue: Queue, { id }: Posting): [key: string, place: Place][] =>
  [...queue.places].filter(([key]) => key.startsWith(`${id}/`));

const hasEnded = (queue: Queue, posting: Posting) =>
  jobsOf(queue, posting).every(([, { at }]) => at === "ended" || at === "cancelled");

function end(posting: Posting): void {
  posting.isEnded = true;
  if (posting.state !== "cancelled") posting.state = "finished";
}

/** Records a batch; returns how many outcomes are refused. */
export function record(
  queue: Queue,
  poolId: number,
  outcomes: readonly ModelOutcome[],
  letGo: readonly number[],
): number {
  const held = new Set(heldLeases(queue, poolId).map(({ id }) => id));
  const isLeased = (o: ModelOutcome) =>
    held.has(o.leaseId) && isListed(queue.leases.get(o.leaseId), o);
  const isRefused = (o: ModelOutcome) =>
    !isLeased(o) && queue.outcomes.get(attemptKey(o))?.leaseId !== o.leaseId;
  const refused = outcomes.filter(isRefused).length;
  const isNew = (o: ModelOutcome) => isLeased(o) && !queue.outcomes.has(attemptKey(o));
  const endedHere = new Map<number, number>();
  for (const outcome of outcomes.filter(isNew)) {
    const state = recordOne(queue, outcome);
    if (state === "retried") continue;
    endedHere.set(outcome.postingId, (endedHere.get(outcome.postingId) ?? 0) + 1);
  }
  for (const [id, count] of endedHere) {
    const posting = postingOf(queue, id);
    if (count === posting.jobCount) end(posting);
  }
  for (const id of letGo) {
    const lease = queue.leases.get(id);
    if (!lease || !held.has(id) || unfinished(queue, lease).length > 0) continue; // L3
    lease.isActive = false;
  }
  have(queue.pools.get(poolId), "pool").refused += refused;
  return refused;
}

/** Whether a lease has an attempt: it may have been released, and the rest of the lease kept. */
export const isListed = (lease: Lease | undefined, attempt: Attempt): boolean =>
  lease?.jobs.some((job) => attemptKey(job) === attemptKey(attempt)) ?? false;

function recordOne(queue: Queue, outcome: ModelOutcome): Outcome["state"] {
  const { postingId, attempt, leaseId, delayMs } = outcome;
  const posting = postingOf(queue, postingId);
  const isStopped = outcome.state === "retried" && posting.state === "cancelled";
  const state = isStopped ? "cancelled" : outcome.state;
  queue.outcomes.set(attemptKey(outcome), { state, leaseId });
  const due = posting.state !== "open" ? "never" : delayMs === 0 ? "now" : "later";
  queue.places.set(
    jobKey(outcome),
    state === "retried"
      ? { at: "retry", attempt: attempt + 1, due, lost: 0 }
      : { at: "ended", state, attempt },
  );
  return state;
}

/** Releases the unfinished jobs of leases except `keep`; returns how many jobs. */
export function release(
  queue: Queue,
  poolId: number,
  leaseIds: readonly number[],
  keep: readonly (Attempt & { leaseId: number })[],
  lost: number,
): number {
  let count = 0;
  for (const lease of heldLeases(queue, poolId).filter(({ id }) => leaseIds.includes(id))) {
    const kept = keep.filter(({ leaseId }) => leaseId === lease.id);
    const keptKeys = new Set(kept.map(attemptKey));
    for (const job of unfinished(queue, lease).filter((job) => !keptKeys.has(attemptKey(job)))) {
      const { state } = postingOf(queue, job.postingId);
      const due = state === "open" ? "now" : "never";
      queue.places.set(
        jobKey(job),
        state === "cancelled"
          ? withoutAttempt(queue, job)
          : { at: "retry", attempt: job.attempt, due, lost: lease.lost + lost },
      );
      count += 1;
    }
    if (kept.length === 0) lease.isActive = false;
    else lease.jobs = kept.map(({ postingId, seq, attempt }) => ({ postingId, seq, attempt }));
  }
  return count;
}

/** Rescues the silent pools; returns the number of released jobs of each pool. */
export function rescue(queue: Queue): { poolId: number; jobs: number }[] {
  const dead = [...queue.pools.values()].filter(
    ({ state, isSilent }) => isSilent && (state === "up" || state === "draining"),
  );
  return dead.map((pool) => {
    const leases = heldLeases(queue, pool.id);
    const running = new Set(pool.running.map(attemptKey));
    const blamed = leases.flatMap((lease) =>
      lease.jobs
        .filter((job) => running.has(attemptKey(job)) || isSuspect(lease))
        .filter((job) => !queue.outcomes.has(attemptKey(job)))
        .map((job) => ({ ...job, leaseId: lease.id, ...lossOf(queue, job) })),
    );
    pool.state = "lost";
    pool.running = [];
    record(queue, pool.id, blamed, []);
    const ids = leases.map(({ id }) => id);
    return { poolId: pool.id, jobs: blamed.length + release(queue, pool.id, ids, [], 1) };
  });
}

/** Two pools were lost before with the one job of this lease in hand (Y3). */
const isSuspect = ({ lost, jobs }: Lease) => lost >= 2 && jobs.length === 1;

function lossOf(queue: Queue, { postingId, attempt }: Attempt) {
  const { maxAttempts, backoffMs } = postingOf(queue, postingId);
  const state = attempt < maxAttempts ? ("retried" as const) : ("failed" as const);
  return { state, delayMs: backoffMs };
}

/** Pauses a posting, or stops it for its failures; returns whether it did. */
export function hold(queue: Queue, id: number, state: "paused" | "errored_out"): boolean {
  const posting = postingOf(queue, id);
  if (posting.state !== "open" || posting.isEnded) return false;
  posting.state = state;
  for (const lane of queue.lanes) {
    if (lane.postingId === id && lane.state === "open") lane.state = "paused";
  }
  for (const [, place] of jobsOf(queue, posting)) if (place.at === "retry") place.due = "never";
  return true;
}

export function setPriority(queue: Queue, id: number, priority: number): boolean {
  if (postingOf(queue, id).isEnded) return false;
  for (const lane of queue.lanes) if (lane.postingId === id) lane.rank = priority;
  return true;
}

export function resume(queue: Queue, id: number): boolean {
  const posting = postingOf(queue, id);
  if ((posting.state !== "paused" && posting.state !== "errored_out") || posting.isEnded) {
    return false;
  }
  posting.state = "open";
  if (posting.start !== "later") begin(queue, posting);
  for (const [, place] of jobsOf(queue, posting)) if (place.at === "retry") place.due = "now";
  return true;
}

function begin(queue: Queue, posting: Posting): void {
  posting.start = "begun";
  for (const lane of queue.lanes) {
    if (lane.postingId === posting.id && lane.state === "paused") lane.state = "open";
  }
}

/** Time passes: scheduled postings start, unless they are paused. */
export function startAll(queue: Queue): void {
  for (const posting of queue.postings.values()) {
    if (posting.start === "later") posting.start = "due";
    if (posting.start === "due" && posting.state === "open") begin(queue, posting);
  }
}

export function cancel(queue: Queue, id: number): boolean {
  const posting = postingOf(queue, id);
  if (posting.state === "cancelled" || posting.isEnded) return false;
  posting.state = "cancelled";
  for (const lane of queue.lanes) if (lane.postingId === id) lane.state = "closed";
  for (const [key, place] of jobsOf(queue, posting)) {
    if (place.at === "lane") queue.places.set(key, { at: "cancelled" });
    if (place.at !== "retry") continue;
    const seq = Number(key.split("/")[1]);
    const { attempt } = place;
    queue.places.set(key, withoutAttempt(queue, { postingId: id, seq, attempt }));
  }
  finish(queue, [id]);
  return true;
}

/** Where a job is whose attempt will never be made: failed as before, if it was by hand (U2). */
function withoutAttempt(queue: Queue, job: Attempt): Place {
  const attempt = job.attempt - 1;
  const before = queue.outcomes.get(attemptKey({ ...job, attempt }));
  return before?.state === "failed"
    ? { at: "ended", state: "failed", attempt }
    : { at: "cancelled" };
}

/** Retries failed jobs of a posting by hand; returns their number, null if it may not. */
export function retryFailed(queue: Queue, id: number): number | null {
  const posting = postingOf(queue, id);
  if (posting.state === "cancelled") return null;
  const due = posting.state === "open" || posting.state === "finished" ? "now" : "never";
  let count = 0;
  for (const [key, place] of jobsOf(queue, posting)) {
    if (place.at !== "ended" || place.state !== "failed") continue;
    queue.places.set(key, { at: "retry", attempt: place.attempt + 1, due, lost: 0 });
    count += 1;
  }
  if (count > 0 && posting.isEnded) {
    posting.isEnded = false;
    posting.state = "open";
  }
  return count;
}

/** Ends the postings among these whose jobs have all ended; returns them. */
export function finish(queue: Queue, ids: readonly number[]): number[] {
  const finished = ids
    .map((id) => postingOf(queue, id))
    .filter((posting) => !posting.isEnded && hasEnded(queue, posting));
  finished.forEach(end);
  return finished.map(({ id }) => id);
}

export function makeRetriesDue(queue: Queue): void {
  for (const place of queue.places.values()) {
    if (place.at === "retry" && place.due === "later") place.due = "now";
  }
}

/** Leases these jobs to a pool; claims.ts decides which ones it may take. */
export function lease(
  queue: Queue,
  { id, poolId, lost, runningLimit, jobs }: Omit<Lease, "isActive">,
): void {
  for (const job of jobs) {
    const place = have(queue.places.get(jobKey(job)), `job ${jobKey(job)}`);
    const lane = laneOf(queue, job);
    if (place.at === "lane") {
      lane.cursor = job.seq + 1;
      if (lane.cursor === lane.endSeq) lane.state = "closed";
    }
    queue.places.set(jobKey(job), { at: "lease", leaseId: id, attempt: job.attempt });
  }
  queue.leases.set(id, { id, poolId, isActive: true, lost, runningLimit, jobs });
}
