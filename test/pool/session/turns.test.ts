import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { Turns } from "../../../src/pool/session/turns.ts";

/** One route for each poster; of a poster with two routes see below. */
const routesOf = (shares: readonly number[]) =>
  shares.map((share, id) => ({ id, poster: `p${id}`, share }));

/**
 * Claims repeatedly, as a pool does if all posters of one priority except idle ones have waiting
 * jobs; in one turn, from the oldest posting. Returns the poster of each claim.
 */
function claims(
  turns: Turns,
  routes: ReturnType<typeof routesOf>,
  count: number,
  isIdle = (_id: number, _n: number): boolean => false,
): number[] {
  return Array.from({ length: count }, (_, n) => {
    const first = turns.order(routes).find((id) => id !== null && !isIdle(id, n)) ?? 0;
    const route = routes.find(({ id }) => id === first);
    if (route) turns.claimed(route);
    return first;
  });
}

const count = (all: readonly number[], id: number) => all.filter((one) => one === id).length;

test("posters that always have waiting jobs each get their share, within one claim", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0.5, 1, 2, 3), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 200 }),
      (shares, n) => {
        const all = claims(new Turns(), routesOf(shares), n);
        const total = shares.reduce((sum, share) => sum + share, 0);
        for (const [id, share] of shares.entries()) {
          expect(Math.abs(count(all, id) - (n * share) / total)).toBeLessThan(1 + share);
        }
      },
    ),
  );
});

test("a poster with one job waits for at most one claim of each other poster", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 100 }), (others, n) => {
      const turns = new Turns();
      const routes = routesOf(Array.from({ length: others + 1 }, () => 1));
      claims(turns, routes, n, (id) => id === others);
      const then = claims(turns, routes, others + 1);
      expect(then).toContain(others);
    }),
  );
});

test("a poster without jobs for a long time does not get all claims afterwards", () => {
  const turns = new Turns();
  const routes = routesOf([1, 1]);
  claims(turns, routes, 1_000, (id) => id === 1);
  expect(count(claims(turns, routes, 10), 1)).toBe(5);
});

test("the routes of one poster have one turn", () => {
  const turns = new Turns();
  const [a1, a2, b] = [
    { id: 1, poster: "a", share: 1 },
    { id: 2, poster: "a", share: 1 },
    { id: 3, poster: "b", share: 1 },
  ];
  expect(turns.order([a1, a2, b])).toEqual([1, 2, 3]);
  turns.claimed(a1);
  expect(turns.order([a1, a2, b])).toEqual([3, null, 1, 2]);
  turns.claimed(b);
  expect(turns.order([a1, a2, b])).toEqual([1, 2, 3]); // first in, first out again
});
