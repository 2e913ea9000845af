// Records of pools: in time, repeated, and too late.
import * as fc from "fast-check";

import type { OutcomeState } from "../../../src/domain/attempt.ts";
import { outcome, recordOutcomes } from "../engine.ts";
import * as changes from "./changes.ts";
import type { ModelOutcome } from "./changes.ts";
import {
  type Attempt,
  attemptKey,
  heldLeases,
  postingOf,
  type Queue,
  unfinished,
} from "./queue.ts";
import { type Act, alive, type Batch, bits, choose, chooseSome, pick, type Step } from "./step.ts";

/** Some of the jobs that a pool has in hand end, in any way, maybe with one that it lost before. */
export const recordAct: fc.Arbitrary<Act> = fc
  .record({ pool: pick, jobs: bits, ends: fc.array(pick, { minLength: 1 }), late: fc.option(pick) })
  .chain((picks) => bits.map((letGo) => ({ ...picks, letGo })))
  .map(({ pool, jobs, ends, late, letGo }) => ({
    name: "record",
    plan({ queue, had }) {
      const holders = alive(queue).filter(({ id }) => heldLeases(queue, id).length > 0);
      const poolId = choose(holders, pool)?.id;
      if (poolId === undefined) return null;
      const leases = heldLeases(queue, poolId);
      const inHand = leases.flatMap((lease) =>
        unfinished(queue, lease).map((job) => ({ ...job, leaseId: lease.id })),
      );
      const gone = had.filter((job) => job.poolId === poolId && isGone(queue, job));
      // Often of a lease that it still has, in part: beside one of its jobs, they are one run.
      const partly = gone.filter(({ leaseId }) => leases.some(({ id }) => id === leaseId));
      const others = late === null || late % 8 > 0 ? [] : gone;
      const lateOne = choose(partly.length > 0 ? partly : others, late ?? 0);
      const batch = [...chooseSome(inHand, jobs), ...(lateOne ? [lateOne] : [])];
      const outcomes = batch.map((job, n) => endOf(queue, job, ends[n % ends.length] ?? 0));
      const complete = leases.filter((lease) =>
        unfinished(queue, lease).every((job) => batch.some((b) => isSame(b, job, lease))),
      );
      const ids = complete.map(({ id }) => id).filter((_, n) => (letGo >> n) % 4 > 0);
      if (outcomes.length + ids.length === 0) return null;
      return recordStep("record", { poolId, outcomes, letGo: ids });
    },
  }));

const isSame = (a: Attempt & { leaseId: number }, job: Attempt, { id }: { id: number }) =>
  a.leaseId === id && attemptKey(a) === attemptKey(job);

/** Its lease was let go, or this attempt was released from it: to be refused. */
function isGone({ leases }: Queue, attempt: Attempt & { leaseId: number }): boolean {
  const lease = leases.get(attempt.leaseId);
  return lease !== undefined && !(lease.isActive && changes.isListed(lease, attempt));
}

/** Of six, two or three are done, and two are retried if they may, half of them later. */
function endOf(queue: Queue, job: Attempt & { leaseId: number }, luck: number): ModelOutcome {
  const { leaseId, postingId, seq, attempt } = job;
  const { maxAttempts, state: posting } = postingOf(queue, postingId);
  const end = (state: OutcomeState, delayMs: number | null = null) => ({
    leaseId,
    postingId,
    seq,
    attempt,
    state,
    delayMs,
  });
  const face = luck % 6;
  if (face < 2) return end("done");
  if (face === 2) return end(posting === "cancelled" ? "cancelled" : "done");
  if (face === 3 || attempt >= maxAttempts) return end("failed");
  return end("retried", face === 4 ? 3_600_000 : 0);
}

function recordStep(kind: string, batch: Batch): Step {
  const { poolId, outcomes, letGo } = batch;
  const list = outcomes.map((o) => `${attemptKey(o)} ${o.state} by lease ${o.leaseId}`).join(", ");
  return {
    kind: "record",
    ...(kind === "record" ? { batch } : {}),
    poolId,
    told: `pool ${poolId}: ${kind} [${list}] letting go of [${letGo.join(" ")}]`,
    async send(db) {
      const full = outcomes.map((o) => outcome(o, { state: o.state, delayMs: o.delayMs }));
      const refused = await recordOutcomes(db, poolId, full, letGo);
      return ({ queue }) => {
        const expected = changes.record(queue, poolId, outcomes, letGo);
        if (refused !== expected) throw new Error(`record: ${refused} refused, not ${expected}`);
      };
    },
  };
}

/** A pool that had no answer sends a batch again. */
export const resendAct: fc.Arbitrary<Act> = pick.map((number) => ({
  name: "resend",
  plan({ sent }) {
    const batch = choose(sent.slice(-4), number);
    return batch ? recordStep("resend", batch) : null;
  },
}));

/** A pool that was rescued, or released its jobs, records all the same: that is refused. */
export const lateAct: fc.Arbitrary<Act> = fc
  .record({ pool: pick, jobs: bits, end: pick })
  .map(({ pool, jobs, end }) => ({
    name: "late",
    plan({ queue, had }) {
      const poolId = choose([...queue.pools.values()], pool)?.id;
      const gone = had.filter((job) => job.poolId === poolId && isGone(queue, job));
      const some = chooseSome(gone, jobs).slice(-4);
      if (poolId === undefined || some.length === 0) return null;
      const outcomes = some.map((job) => endOf(queue, job, end));
      const letGo = [...new Set(some.map(({ leaseId }) => leaseId))];
      return recordStep("late record", { poolId, outcomes, letGo });
    },
  }));
