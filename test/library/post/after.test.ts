import { expect, test } from "bun:test";
import { join } from "node:path";

import { settle } from "../../../src/db/engine/settle.ts";
import { messageOf } from "../../../src/domain/errors.ts";
import { type PostOptions, postWork } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { drivenPool, only } from "../hand-driven.ts";
import { anything } from "../jobs.ts";

const root = join(import.meta.dir, "..");

const post = (database: TestDatabase, options: PostOptions = {}) =>
  postWork(anything, [[1]], [], { root, db: database.url, ...options });

test("after takes postings, numbers, conditions and tolerances", async () => {
  await using database = await freshDatabase();
  const first = await post(database);
  const second = await post(database, { after: first });
  await post(database, { after: second.id });
  await post(database, {
    after: [
      { posting: first, tolerate: "1%" },
      { posting: second.id, tolerate: 2 },
      { posting: first, when: "ended" },
      { posting: first, when: "failed" },
      { posting: second, when: "started" },
    ],
    ifBlocked: "cancel",
    deadline: new Date(Date.now() + 60_000),
  });
  const edges = await database.sql`
    select posting_id, upstream_id, kind::text, tolerate_jobs, tolerate_percent from pdoflow.edge
    order by 1, 2, 3`;
  expect(edges.map((edge) => Object.values(edge))).toEqual([
    [2, 1, "after", null, null],
    [3, 2, "after", null, null],
    [4, 1, "after", null, 1],
    [4, 1, "any", null, null],
    [4, 1, "failed", null, null],
    [4, 2, "after", 2, null],
    [4, 2, "start", null, null],
  ]);
});

test("2: an upstream that does not exist is refused, and nothing is posted", async () => {
  await using database = await freshDatabase();
  const message = await post(database, { after: 41 }).then(() => "", messageOf);
  expect(message).toContain("there is no posting 41");
  expect(await database.sql`select from pdoflow.posting`).toHaveLength(0);
});

// @ts-expect-error A posting cannot wait for text.
const wrongType: PostOptions = { after: "41" };
// @ts-expect-error There is no such condition.
const wrongWhen: PostOptions = { after: { posting: 41, when: "soon" } };

test.each<[string, object, string]>([
  ["text", wrongType, "expected a posting, its number, or an object"],
  ["another condition", wrongWhen, "expected done, ended, failed or started"],
  [
    "a tolerance of another condition",
    { after: { posting: 41, when: "ended", tolerate: 1 } },
    'expected tolerate only with when: "done"',
  ],
])("%s is refused", async (_, options, expected) => {
  await using database = await freshDatabase();
  expect(await post(database, options).then(() => "", messageOf)).toContain(expected);
});

test("wait of a blocked posting rejects with the cause and the remedy; unblock runs it", async () => {
  await using database = await freshDatabase();
  const first = await post(database, { maxAttempts: 1 });
  const second = await post(database, { after: first });
  const pool = await drivenPool(database.db);
  await pool.end(only(await pool.claim(1)), ["failed"]);
  await settle(database.db, [first.id]);
  const error: unknown = await second.wait().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "PostingBlocked" });
  expect(messageOf(error)).toBe(
    "Expected posting 2 to end, and it is blocked: 1 has 1 failed job. Repair it: pdoflow retry 1 " +
      "--failed; or run it anyway: pdoflow unblock 2; or give it up: pdoflow cancel 2",
  );
  expect([await second.unblock(), await second.unblock()]).toEqual([true, false]);
  await pool.endAll();
  expect(await second.wait()).toMatchObject({ state: "finished", done: 1 });
});
