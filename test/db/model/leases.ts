// How jobs come into the hands of pools, and leave them without an outcome.
import * as fc from "fast-check";

import { release } from "../../../src/db/engine/release.ts";
import { type Claim, claim, claimSingle } from "../../../src/db/engine/leases.ts";
import { rangeOf } from "../engine.ts";
import * as changes from "./changes.ts";
import { claim as applyClaim, claimSingle as applySingle } from "./claims.ts";
import { type Attempt, attemptKey, heldLeases, type Lane, postingOf, type Queue } from "./queue.ts";
import { type Act, alive, bits, choose, chooseSome, pick, type Step } from "./step.ts";

export const entryPoints = ["a.ts#run", "b.ts#run"];

/** The size of a claim, and numbers for the parts that limit its postings, or null for none. */
interface Picks {
  size: fc.Arbitrary<Pick<Claim, "cap" | "share" | "sizes">>;
  position: fc.Arbitrary<number | null>;
  skipped: fc.Arbitrary<number | null>;
  chosen: fc.Arbitrary<number | null>;
}

const none = fc.constant(null);

const anySize = fc.record({
  cap: fc.nat({ max: 9 }),
  share: fc.constantFrom(0.1, 0.5, 1),
  sizes: fc.uniqueArray(
    fc.record({
      entryPoint: fc.constantFrom(...entryPoints),
      cap: fc.nat({ max: 6 }),
      floor: fc.integer({ min: 1, max: 3 }),
    }),
    { selector: ({ entryPoint }) => entryPoint },
  ),
});

/** A claim by a pool that is alive, for one or all routes. */
const claimWith = ({ size, position, skipped, chosen }: Picks): fc.Arbitrary<Act> =>
  fc
    .record({
      pool: pick,
      route: fc.option(pick),
      position,
      skipped,
      chosen,
      oldest: fc.boolean(),
      size,
    })
    .map(({ pool, route, position, skipped, chosen, oldest, size }) => ({
      name: "claim",
      plan({ queue }) {
        const claimer = choose(alive(queue), pool);
        if (!claimer) return null;
        const poolId = claimer.id;
        const all = [...new Set([...queue.postings.values()].map(({ routeId }) => routeId))];
        const one = route === null ? null : choose(all, route);
        const routes = one === null ? all : [one];
        const ids = [...queue.postings.keys()];
        const skip = skipped === null ? null : choose(waiting(queue), skipped);
        const want: Claim = {
          ...{ poolId, routes, oldest, ...size },
          skip: skip === null ? [] : [skip],
          postings: chosen === null ? null : chooseSome(ids, chosen),
          positions: position === null ? [] : positionsOf(queue, { routes, oldest }, position),
        };
        return claimStep(want);
      },
    }));

/** A large claim of all postings. */
export const largeClaimAct = claimWith({
  ...{ position: none, skipped: none, chosen: none },
  size: fc.constant({ cap: 60, share: 1, sizes: [] }),
});

/** A claim that may begin at a position, pass over a posting, or take only some postings. */
export const claimAct = claimWith({
  size: anySize,
  position: fc.option(pick),
  skipped: fc.oneof({ weight: 2, arbitrary: none }, { weight: 1, arbitrary: pick }),
  chosen: fc.oneof({ weight: 3, arbitrary: none }, { weight: 1, arbitrary: bits }),
});

/** The postings whose jobs a claim may get. */
const waiting = ({ lanes, places }: Queue): number[] => {
  const open = lanes.filter(({ state }) => state === "open").map(({ postingId }) => postingId);
  const retried = [...places].filter(([, { at }]) => at === "retry").map(([key]) => parseInt(key));
  return [...new Set([...open, ...retried])].sort((a, b) => a - b);
};

/** Of each route a posting with no open lane before it that a claim would have to find. */
function positionsOf(
  queue: Queue,
  { routes, oldest }: { routes: readonly number[]; oldest: boolean },
  number: number,
): number[] {
  const open = queue.lanes.filter(({ state }) => state === "open");
  return routes.flatMap((route) => {
    const isOfRoute = ({ postingId }: Lane) => postingOf(queue, postingId).routeId === route;
    const fit = queue.lanes
      .filter(isOfRoute)
      .filter(({ postingId, rank }) =>
        open
          .filter((lane) => isOfRoute(lane) && (oldest || lane.rank === rank))
          .every((lane) => lane.postingId >= postingId),
      );
    return choose(fit, number)?.postingId ?? [];
  });
}

export function claimStep(want: Claim): Step {
  const { poolId, cap, share, oldest, sizes, routes, skip = [], postings, positions = [] } = want;
  const caps = sizes.map((size) => `, ${size.floor} to ${size.cap} of ${size.entryPoint}`).join("");
  return {
    kind: "claim",
    poolId,
    told:
      `pool ${poolId} claims up to ${cap}${caps}, at most ${share} of what is left` +
      `${oldest ? " of the oldest" : ""}, of routes ${routes.join(" ")}` +
      `${postings ? ` and postings ${postings.join(" ")}` : ""}, from ${positions.join(" ")}, ` +
      `not of ${skip.join(" ")}`,
    async send(db) {
      const { ranges } = await claim(db, want);
      return ({ queue }) => applyClaim(queue, want, ranges);
    },
  };
}

/** A claim of the job of one posting by a pool that was notified of it. */
export const claimSingleAct = (isAlone: boolean): fc.Arbitrary<Act> =>
  fc.record({ pool: pick, posting: pick }).map(({ pool, posting }) => ({
    name: "claim single",
    plan({ queue }) {
      const poolId = choose(alive(queue), pool)?.id;
      const postings = [...queue.postings.values()];
      const single = choose(
        postings.filter(({ jobCount }) => jobCount === 1),
        posting,
      );
      const chosen = single ?? choose(postings, posting);
      if (poolId === undefined || !chosen) return null;
      const { id: postingId, routeId } = chosen;
      return {
        kind: "claim",
        poolId,
        told: `pool ${poolId} claims posting ${postingId} alone`,
        async send(db) {
          const { ranges } = await claimSingle(db, { poolId, postingId, routes: [routeId] });
          return ({ queue: now }) => applySingle(now, { poolId, postingId, isAlone }, ranges);
        },
      };
    },
  }));

/** A pool releases one or all of its leases, but for some jobs. */
export const giveBackAct: fc.Arbitrary<Act> = fc
  .record({ pool: pick, lease: fc.option(pick), keep: fc.oneof(fc.constant(0), bits) })
  .map(({ pool, lease, keep }) => ({
    name: "release",
    plan({ queue }) {
      const holders = alive(queue).filter(({ id }) => heldLeases(queue, id).length > 0);
      const poolId = choose(holders, pool)?.id;
      if (poolId === undefined) return null;
      const all = heldLeases(queue, poolId);
      const one = lease === null ? null : choose(all, lease);
      const leases = one === null ? all : [one];
      const kept = leases.flatMap(({ id, jobs }) =>
        chooseSome(jobs, keep).map((job) => ({ ...job, leaseId: id })),
      );
      const ids = leases.map(({ id }) => id);
      return giveBackStep(poolId, ids, kept);
    },
  }));

function giveBackStep(
  poolId: number,
  leaseIds: number[],
  keep: (Attempt & { leaseId: number })[],
): Step {
  return {
    kind: keep.length > 0 ? "release a part" : "release",
    poolId,
    told:
      `pool ${poolId} releases leases ${leaseIds.join(" ")} ` +
      `but for ${keep.map(attemptKey).join(" ") || "nothing"}`,
    async send(db) {
      const count = await release(db, poolId, leaseIds, keep.map(rangeOf));
      return ({ queue }) => {
        const expected = changes.release(queue, poolId, leaseIds, keep, 0);
        if (count !== expected) throw new Error(`release: ${count} went back, not ${expected}`);
      };
    },
  };
}
