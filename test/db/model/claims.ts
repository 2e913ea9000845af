// Checks claims: a pool must get the jobs that are first in line, no more than it asked for, and as
// many as it asked for.
import type { Claim, ClaimedRange } from "../../../src/db/engine/leases.ts";
import { lease } from "./changes.ts";
import {
  type Attempt,
  attemptKey,
  have,
  heldLeases,
  jobKey,
  type Lane,
  postingOf,
  type Queue,
  roomOf,
} from "./queue.ts";

interface WaitingRetry extends Attempt {
  priority: number;
  routeId: number;
  entryPoint: string;
  isSuspect: boolean;
  isLimited: boolean;
  lost: number;
}

type Turn = { kind: "lane"; lane: Lane } | { kind: "retries"; retries: WaitingRetry[] };

/**
 * Changes the queue as this claim does.
 *
 * @throws if it may not have got these ranges.
 */
export function claim(queue: Queue, want: Claim, ranges: readonly ClaimedRange[]): void {
  const got = ranges.flatMap(({ postingId, firstSeq, endSeq, attempt }) =>
    Array.from({ length: endSeq - firstSeq }, (_, n) => ({
      postingId,
      seq: firstSeq + n,
      attempt,
    })),
  );
  const lostOf = (job: Attempt) => {
    const place = queue.places.get(jobKey(job));
    return place?.at === "retry" ? place.lost : 0;
  };
  const turns = firstInLine(queue, want);
  const isRight =
    turns.length === 0 ? got.length === 0 : turns.some((turn) => fits(queue, want, turn, got));
  if (!isRight) {
    const expected = turns.map((turn) => tellTurn(queue, want, turn)).join(", or ");
    throw new Error(
      `claim: got [${got.map(attemptKey).join(" ")}], expected ${expected || "none"}`,
    );
  }
  const [first] = ranges;
  if (!first) return;
  const lost = Math.max(...got.map(lostOf));
  const { leaseId: id, runningLimit } = first;
  const room = Math.min(want.cap, roomOf(queue, postingOf(queue, first.postingId)));
  const isLimited = postingOf(queue, first.postingId).maxRunning !== null;
  if (runningLimit !== (isLimited ? room : null)) {
    throw new Error(`claim: at most ${runningLimit} may run, expected ${isLimited ? room : null}`);
  }
  lease(queue, { id, poolId: want.poolId, lost, runningLimit, jobs: got });
}

/**
 * Changes the queue as a claim of the job of one posting does. Another transaction may have its
 * lane for a moment, unless this one is alone; then nothing is claimed.
 *
 * @throws if it may not have got these ranges.
 */
export function claimSingle(
  queue: Queue,
  { poolId, postingId, isAlone }: { poolId: number; postingId: number; isAlone: boolean },
  ranges: readonly ClaimedRange[],
): void {
  const { jobCount, maxRunning } = postingOf(queue, postingId);
  const lane = queue.lanes.find((each) => each.postingId === postingId);
  const isFree = jobCount === 1 && maxRunning === null && lane?.state === "open";
  const [first] = ranges;
  if (first ? !isFree : isFree && isAlone) {
    throw new Error(`claim of posting ${postingId} alone: got ${ranges.length} ranges`);
  }
  if (!first) return;
  const jobs = [{ postingId, seq: 0, attempt: 1 }];
  lease(queue, { id: first.leaseId, poolId, lost: 0, runningLimit: null, jobs });
}

/** The postings whose turn it is; several if the order does not determine the first. */
function firstInLine(queue: Queue, want: Claim): Turn[] {
  const open = queue.lanes
    .filter((lane) => lane.state === "open" && want.routes.includes(routeOf(queue, lane)))
    .filter(({ postingId }) => isWanted(want, postingId) && hasRoom(queue, postingId))
    .sort(
      (a, b) =>
        (want.oldest ? 0 : b.rank - a.rank) || a.postingId - b.postingId || b.priority - a.priority,
    );
  const lanes = want.oldest
    ? open.filter(({ postingId }) => postingId === open[0]?.postingId)
    : open.slice(0, 1);
  const hasSuspect = heldLeases(queue, want.poolId).some(({ lost }) => lost >= 2);
  const due = dueRetries(queue).filter(
    ({ routeId, isSuspect, postingId }) =>
      want.routes.includes(routeId) &&
      isWanted(want, postingId) &&
      !(isSuspect && hasSuspect) &&
      hasRoom(queue, postingId),
  );
  if (want.oldest) return oldestTurns(lanes, due);
  const best = Math.max(...due.map(({ priority }) => priority));
  const beaten = lanes.filter(({ rank }) => best >= rank);
  const turnsOfLanes = lanes.filter((l) => !beaten.includes(l)).map(laneTurn);
  if (due.length === 0 || (lanes.length > 0 && beaten.length === 0)) return turnsOfLanes;
  const groups = Map.groupBy(
    due.filter(({ priority }) => priority === best),
    groupOf,
  );
  return [
    ...turnsOfLanes,
    ...[...groups.values()].map((retries): Turn => ({ kind: "retries", retries })),
  ];
}

/** A retry of the oldest posting with an open lane, or of an older one; else that lane. */
function oldestTurns(lanes: readonly Lane[], due: readonly WaitingRetry[]): Turn[] {
  const limit = lanes[0]?.postingId ?? Infinity;
  const groups = Map.groupBy(due, (d) => `${d.priority} ${groupOf(d)}`);
  const turns = [...groups.values()]
    .filter((retries) => retries.some(({ postingId }) => postingId <= limit))
    .map((retries): Turn => ({ kind: "retries", retries }));
  // The retry that has been due for longest may be of a posting that is younger than the lane's.
  const mayBeLane = due.length === 0 || due.some(({ postingId }) => postingId > limit);
  return mayBeLane ? [...lanes.map(laneTurn), ...turns] : turns;
}

/** Jobs that may be claimed together: those of a posting with a limit only with each other. */
const groupOf = ({ routeId, entryPoint, isSuspect, isLimited, postingId }: WaitingRetry) =>
  `${routeId} ${entryPoint} ${isSuspect} ${isLimited ? postingId : ""}`;

const isWanted = ({ skip = [], postings }: Claim, id: number) =>
  !skip.includes(id) && (postings?.includes(id) ?? true);

const hasRoom = (queue: Queue, id: number) => roomOf(queue, postingOf(queue, id)) > 0;

const laneTurn = (lane: Lane): Turn => ({ kind: "lane", lane });

const routeOf = (queue: Queue, { postingId }: { postingId: number }) =>
  postingOf(queue, postingId).routeId;

function dueRetries(queue: Queue): WaitingRetry[] {
  return [...queue.places].flatMap(([key, place]) => {
    if (place.at !== "retry" || place.due !== "now") return [];
    const [postingId = 0, seq = 0] = key.split("/").map(Number);
    const { routeId, entryPoint, maxRunning } = postingOf(queue, postingId);
    const isLimited = maxRunning !== null;
    const lane = queue.lanes.find(
      (l) => l.postingId === postingId && l.firstSeq <= seq && seq < l.endSeq,
    );
    const { rank: priority } = have(lane, "lane");
    const { attempt, lost } = place;
    const isSuspect = lost >= 2;
    const job = { postingId, seq, attempt, priority, lost };
    return [{ ...job, routeId, entryPoint, isSuspect, isLimited }];
  });
}

function sizeFor(want: Claim, entryPoint: string): { cap: number; floor: number } {
  return want.sizes.find((size) => size.entryPoint === entryPoint) ?? { cap: want.cap, floor: 1 };
}

/** Whether a claim whose turn this is gets just these jobs. */
function fits(queue: Queue, want: Claim, turn: Turn, got: readonly Attempt[]): boolean {
  const keys = got.map(attemptKey);
  if (turn.kind === "lane") {
    const expected = laneJobs(queue, want, turn.lane).map(attemptKey);
    return Bun.deepEquals(keys, expected);
  }
  const there = new Set(turn.retries.map(attemptKey));
  return (
    keys.length === retryCount(queue, want, turn.retries) &&
    new Set(keys).size === keys.length &&
    keys.every((key) => there.has(key))
  );
}

function retryCount(queue: Queue, want: Claim, retries: readonly WaitingRetry[]): number {
  const first = have(retries[0], "retry");
  const most = mostOf(queue, want, first.postingId);
  return Math.min(most, first.isSuspect ? 1 : retries.length);
}

/** Of a posting with a limit the jobs that may run, or more if their duration is known. */
function mostOf(queue: Queue, want: Claim, postingId: number): number {
  const posting = postingOf(queue, postingId);
  const { cap } = sizeFor(want, posting.entryPoint);
  if (posting.maxRunning === null) return cap;
  const isKnown = want.sizes.some(({ entryPoint }) => entryPoint === posting.entryPoint);
  const room = Math.min(want.cap, roomOf(queue, posting));
  return isKnown && room > 0 ? cap : Math.min(cap, room);
}

/** The jobs of a claim if it is this lane's turn: a range of it, or unclaimed lanes whole. */
function laneJobs(queue: Queue, want: Claim, lane: Lane): Attempt[] {
  const { entryPoint, routeId, maxRunning } = postingOf(queue, lane.postingId);
  const { floor } = sizeFor(want, entryPoint);
  const cap = mostOf(queue, want, lane.postingId);
  if (cap < 1) return [];
  const share = (left: number) => Math.min(cap, Math.max(floor, Math.ceil(left * want.share), 1));
  const left = lane.endSeq - lane.cursor;
  const size = Math.min(left, share(left));
  const isWhole = lane.cursor === lane.firstSeq && size === left;
  if (!isWhole || maxRunning !== null || want.postings) return rangeOf(lane, size);
  const untouched = queue.lanes
    .filter(
      (l) =>
        l.state === "open" &&
        l.rank === lane.rank &&
        l.postingId >= lane.postingId &&
        isWanted(want, l.postingId) &&
        l.cursor === l.firstSeq &&
        routeOf(queue, l) === routeId &&
        postingOf(queue, l.postingId).entryPoint === entryPoint &&
        postingOf(queue, l.postingId).maxRunning === null,
    )
    .sort((a, b) => a.postingId - b.postingId || b.priority - a.priority);
  const total = untouched.reduce((sum, l) => sum + l.endSeq - l.firstSeq, 0);
  let taken = 0;
  return untouched.flatMap((l) => {
    taken += l.endSeq - l.firstSeq;
    return l === lane || taken <= share(total) ? rangeOf(l, l.endSeq - l.firstSeq) : [];
  });
}

const rangeOf = ({ postingId, cursor }: Lane, size: number): Attempt[] =>
  Array.from({ length: size }, (_, place) => ({ postingId, seq: cursor + place, attempt: 1 }));

function tellTurn(queue: Queue, want: Claim, turn: Turn): string {
  if (turn.kind === "lane") {
    return `[${laneJobs(queue, want, turn.lane).map(attemptKey).join(" ")}]`;
  }
  const some = retryCount(queue, want, turn.retries);
  return `${some} of retries [${turn.retries.map(attemptKey).join(" ")}]`;
}
