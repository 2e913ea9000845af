import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { messageOf } from "../../../src/domain/errors.ts";
import { flow, fromPostgres, postWork, type Stage } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { anything, fit, named, scale } from "../jobs.ts";

const root = join(import.meta.dir, "..");
let database: TestDatabase;
beforeAll(async () => void (database = await freshDatabase()));
afterAll(() => database[Symbol.asyncDispose]());

/** The message of what a promise is rejected with. */
const messageFrom = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "no error", messageOf);

const count = async () => {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int from pdoflow.posting`;
  return row?.count ?? 0;
};

test("a flow posts its stages, which wait for each other", async () => {
  const before = await postWork(anything, [[1]], [], { root, db: database.url });
  const night = await flow(
    "night",
    (f) => {
      const scaled = f.post(scale, [[1, 2, "a"]], [], { root, after: [before] });
      const fitted = f.post(fit, [[1], [2]], [{ seed: 1 }, { seed: 2 }], { root });
      f.post("jobs.ts#anything", [[]], [], {
        ...{ stage: "end", after: [scaled, fitted], afterAny: [before], tolerate: "1%" },
      });
    },
    { db: database.url },
  );
  const id = (stage: string) => night.postings.get(stage)?.id ?? 0;
  expect([night.isNew, [...night.postings.keys()]]).toEqual([true, ["scale", "fit", "end"]]);
  const edges = await database.sql`
    select posting_id, upstream_id, kind::text, tolerate_percent from pdoflow.edge order by 1, 2`;
  expect([...edges]).toEqual([
    { postingId: id("scale"), upstreamId: before.id, kind: "after", toleratePercent: null },
    { postingId: id("end"), upstreamId: before.id, kind: "any", toleratePercent: null },
    { postingId: id("end"), upstreamId: id("scale"), kind: "after", toleratePercent: 1 },
    { postingId: id("end"), upstreamId: id("fit"), kind: "after", toleratePercent: 1 },
  ]);
  const [row] = await database.sql`
    select name, flow_id, stage from pdoflow.posting where id = ${id("end")}`;
  expect(row).toEqual({ name: "night.end", flowId: night.id, stage: "end" });
});

test("a stage gathers or reduces the results of another one", async () => {
  const { postings } = await flow(
    "sums",
    (f) => {
      const many = f.post(anything, [[1], [2], [3], [4], [5]], [], { root });
      f.over(many, "jobs.ts#anything", { stage: "each", with: [7] });
      f.gather(many, "jobs.ts#anything", { stage: "all", tolerate: 1 });
      f.reduce(many, 2, anything, { stage: "tree", root });
    },
    { db: database.url },
  );
  const rows = await database.sql`
    select stage, job_count, gather::int, gather_size from pdoflow.posting
    where stage in ('each', 'all', 'tree') order by id`;
  const many = postings.get("anything")?.id ?? 0;
  expect([...rows]).toEqual([
    { stage: "each", jobCount: 5, gather: null, gatherSize: null },
    { stage: "all", jobCount: 1, gather: many, gatherSize: null },
    { stage: "tree", jobCount: 3, gather: many, gatherSize: 2 },
    { stage: "tree", jobCount: 2, gather: many + 3, gatherSize: 2 },
    { stage: "tree", jobCount: 1, gather: many + 4, gatherSize: 2 },
  ]);
  expect(postings.get("tree")?.id).toBe(many + 5);
});

test("18: the same key posts nothing, and other stages are refused", async () => {
  const options = { key: "k", db: database.url };
  const post = (jobs: number[][]) =>
    flow("day", (f) => void f.post(anything, jobs, [], { root }), options);
  const first = await post([[1]]);
  const before = await count();
  const again = await post([[1], [2]]);
  expect([again.id, again.isNew]).toEqual([first.id, false]);
  expect(again.postings.get("anything")?.id).toBe(first.postings.get("anything")?.id ?? 0);
  const other = flow("day", (f) => void f.post(named, [], [{ seed: 1 }], { root }), options);
  expect(await messageFrom(other)).toContain(
    `the key "k" belongs to flow ${first.id}, which differs:\nanything: is missing now\n` +
      "named: is new",
  );
  expect(await count()).toBe(before);
});

test("19: if a stage is refused, no stage is posted", async () => {
  const before = await count();
  const refused = flow(
    "night",
    (f) => {
      const first = f.post(anything, [[1]], [], { root });
      f.post(anything, [], [], { root, after: [first] });
    },
    { db: database.url },
  );
  expect(await messageFrom(refused)).toContain(
    "expected at least one list of arguments, found none",
  );
  expect(await count()).toBe(before);
});

test("a flow in a transaction of the caller is committed with it", async () => {
  const before = await count();
  const undone = database.sql.begin(async (sql) => {
    const options = { transaction: fromPostgres(sql), db: database.url };
    await flow("night", (f) => void f.post(anything, [[1]], [], { root }), options);
    throw new Error("undone");
  });
  expect(await messageFrom(undone)).toContain("undone");
  expect(await count()).toBe(before);
});

test("stages of other flows, equal names and a wrong tolerance are refused", async () => {
  const options = { db: database.url };
  let stranger: Stage | undefined;
  await flow("one", (f) => void (stranger = f.post(anything, [[1]], [], { root })), options);
  const after = stranger ? [stranger] : [];
  const other = flow("two", (f) => void f.post(anything, [[1]], [], { after }), options);
  expect(await messageFrom(other)).toContain("found a stage of another flow");
  const twice = flow(
    "two",
    (f) => {
      f.post(anything, [[1]], [], { stage: "a" });
      f.post(anything, [[1]], [], { stage: "a" });
    },
    options,
  );
  expect(await messageFrom(twice)).toContain('expected a name for each stage, found "a" twice');
  const empty = flow("two", () => {}, options);
  expect(await messageFrom(empty)).toContain("expected at least one stage");
});

test("a flow and its stages name the receivers of notifications; of a reduction, the last level", async () => {
  const { id, postings } = await flow(
    "notified",
    (f) => {
      const many = f.post(anything, [[1], [2], [3]], [], { root, onFailure: "pager" });
      f.reduce(many, 2, anything, { stage: "tree", root, onEnd: "slack,mail" });
    },
    { db: database.url, onEnd: "slack", onFailure: "pager" },
  );
  const [row] = await database.sql`select on_end, on_failure from pdoflow.flow where id = ${id}`;
  expect(row).toEqual({ onEnd: "slack", onFailure: "pager" });
  const stages = await database.sql`
    select on_end, on_failure, notified from pdoflow.posting where flow_id = ${id} order by id`;
  expect([...stages]).toEqual([
    { onEnd: null, onFailure: "pager", notified: -1 },
    { onEnd: null, onFailure: null, notified: -1 },
    { onEnd: "slack,mail", onFailure: null, notified: -1 },
  ]);
  expect(postings.size).toBe(2);
  const wrong = flow("notified", (f) => void f.post(anything, [[1]]), { onEnd: "Slack!" });
  expect(await messageFrom(wrong)).toContain("options of flow: onEnd: expected names of receivers");
});
