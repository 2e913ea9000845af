import { expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { readRoutes } from "../../../src/db/engine/routes.ts";
import { Turns } from "../../../src/pool/session/turns.ts";
import { jobsOf, newPool, postJobs, queueOfFile, record, recordPart, take } from "../engine.ts";
import { withRoles } from "../roles/roles.ts";

const freshQueue = queueOfFile();

/** Claims of one job each, in turn as a pool makes them; whose they were, by the entry point. */
async function claims(db: Db, pool: number, count: number): Promise<string> {
  const turns = new Turns();
  let whose = "";
  while (whose.length < count) {
    const routes = await readRoutes(db);
    const ranges = await take(db, pool, { routes: turns.order(routes), cap: 1 });
    const [job] = jobsOf(ranges);
    if (!job) return whose;
    await record(db, pool, [job]);
    const [row] = await db.sql<{ name: string; routeId: number }[]>`
      select name, route_id from pdoflow.posting where id = ${job.postingId}`;
    const route = routes.find(({ id }) => id === row?.routeId);
    if (route) turns.claimed(route);
    whose += row?.name ?? "?";
  }
  return whose;
}

test("T2: a poster with many earlier jobs does not keep others of the same priority waiting", async () => {
  await using db = await freshQueue();
  await postJobs(db, 1_000, { osUser: "ada", name: "a" });
  await using roles = await withRoles("eve");
  // Another poster in the same database: its route, as if that role had posted.
  await postJobs(db, 3, { osUser: "eve", name: "e" });
  await db.sql`update pdoflow.route set poster = ${roles.nameOf("eve")} where poster_os = 'eve'`;
  await postJobs(db, 2, { osUser: "ada", name: "h", priority: 1 });
  const pool = await newPool(db);
  expect(await claims(db, pool, 10)).toBe("hheaeaeaaa"); // a priority counts for more than a turn
});

test("T2: a share of two is twice as many claims", async () => {
  await using roles = await withRoles("ada", "eve");
  await roles.grant("ada", "poster");
  await roles.grant("eve", "poster", { share: 2 });
  await postJobs(await roles.as("ada"), 100, { name: "a" });
  await postJobs(await roles.as("eve"), 100, { name: "e" });
  const whose = await claims(roles.db, await newPool(roles.db), 30);
  expect(whose.replaceAll("a", "")).toHaveLength(20);
});

test("T2: retries take turns too, and the oldest retry is the oldest of all routes", async () => {
  await using db = await freshQueue();
  const first = await postJobs(db, 3, { osUser: "ada" });
  const pool = await newPool(db);
  await recordPart(db, pool, jobsOf(await take(db, pool, { cap: 3 })), {
    state: "retried",
    delayMs: 0,
  });
  const second = await postJobs(db, 3, { osUser: "eve" });
  const [a, e] = await readRoutes(db);
  const routes = [e?.id ?? 0, null, a?.id ?? 0];
  const next = async (oldest: boolean) => (await take(db, pool, { routes, oldest, cap: 1 }))[0];
  expect(await next(false)).toMatchObject({ postingId: second });
  expect(await next(true)).toMatchObject({ postingId: first });
  expect(await next(false)).toMatchObject({ postingId: second });
});
