import { expect, test } from "bun:test";

import type { RunnablePosting } from "../../../src/db/engine/leases.ts";
import { Link } from "../../../src/pool/link/link.ts";
import { Refusals } from "../../../src/pool/session/refusals.ts";
import { newPool, postSingles, queueOfFile } from "../../db/engine.ts";

const freshQueue = queueOfFile();
const all = (postings: readonly RunnablePosting[]) =>
  new Map(postings.map(({ id }) => [id, "it is not signed"]));

test("a pool that has refused more postings than it remembers skips their whole route", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const ids = await postSingles(db, 9);
  const [route] = await db.sql<{ id: number }[]>`select id from pdoflow.route`;
  const routeId = route?.id ?? 0;
  const routeOf = new Map(ids.map((id) => [id, routeId]));
  const link = new Link(db.target, { deadlineMs: 60_000 });
  const refusals = new Refusals(link, pool, { refusedMax: 5 });
  const refuse = async (id = 0) => await refusals.add(new Map([[id, "why"]]), routeOf, all);
  try {
    const first = await refuse(ids[0]);
    expect([...first.ahead.keys()]).toEqual(ids.slice(1, 2));
    const second = await refuse(ids[2]);
    expect([...second.ahead.keys()]).toEqual(ids.slice(3, 6));
    expect(second.skippedRoutes).toEqual([routeId]);
    expect([refusals.skipsRoute(routeId), refusals.isAny, refusals.ids]).toEqual([true, true, []]);
    expect(await db.sql`select from pdoflow.refusal`).toHaveLength(6);
  } finally {
    await link.close();
  }
});

test("postings that come next are refused early only if the screen refuses them", async () => {
  await using db = await freshQueue();
  const pool = await newPool(db);
  const [first = 0, second = 0, third = 0, fourth = 0] = await postSingles(db, 4);
  const [route] = await db.sql<{ id: number }[]>`select id from pdoflow.route`;
  const routeOf = new Map([first, second].map((id) => [id, route?.id ?? 0]));
  const link = new Link(db.target, { deadlineMs: 60_000 });
  const refusals = new Refusals(link, pool, {});
  const refused = new Map([first, second].map((id) => [id, "why"]));
  try {
    const { ahead } = await refusals.add(refused, routeOf, (next) => {
      expect(next.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([third, fourth]);
      return new Map([[fourth, "why"]]);
    });
    expect([[...ahead.keys()], refusals.ids]).toEqual([[fourth], [first, second, fourth]]);
  } finally {
    await link.close();
  }
});
