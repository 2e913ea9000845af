// What follows from the end of postings that jobs post: edges, and prune.
import { describe, expect, test } from "bun:test";

import { prune } from "../../../src/db/admin/prune.ts";
import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { retryFailed } from "../../../src/db/engine/control.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { all } from "../admin/retention.ts";
import {
  cancel,
  jobsOf,
  leased,
  names,
  nth,
  postJobs,
  putBack,
  queueOfFile,
  take,
  takeAll,
} from "../engine.ts";
import { draft, end, only } from "./drafts.ts";

const freshQueue = queueOfFile();

describe("prune", () => {
  test("spans and routes that only a draft uses stay", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1);
    const options = JSON.stringify({ needs: [["gpu", "has"]] });
    const child = await draft(db, pool, nth(jobs, 0), { options });
    const span = await db.sql`select pdoflow.empty_span(1) as bytes`;
    expect(span[0]).toEqual({ bytes: 0 });
    expect((await db.sql`select pdoflow.prune_routes(10) as gone`)[0]).toEqual({ gone: 0 });
    await end(db, pool, nth(jobs, 0), [child]);
    expect(names(await takeAll(db, pool))).toHaveLength(3);
  });

  test("what is left of children goes with the parent", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 1, 1);
    const child = await draft(db, pool, nth(jobs, 0));
    await end(db, pool, nth(jobs, 0), [child], { state: "failed", error: "{}" });
    await prune(db, all);
    expect(await db.sql`select from pdoflow.child`).toHaveLength(0);
  });
});

describe("edges: a posting has ended with its children", () => {
  const options = (posting: number, kind: "after" | "any" = "after") => ({
    after: [{ posting, kind }],
  });

  /** A job that has posted another one, and a posting that waits for both. */
  async function tree(db: Db, kind: "after" | "any" = "after") {
    const { pool, id, jobs } = await leased(db, 1);
    const next = await postJobs(db, 1, options(id, kind));
    const child = await draft(db, pool, nth(jobs, 0), { jobs: "[1]" });
    await end(db, pool, nth(jobs, 0), [child]);
    const [job] = jobsOf(await take(db, pool));
    return { pool, id, next, child, job: only(job) };
  }

  test("P11: it waits for the children, and for theirs", async () => {
    await using db = await freshQueue();
    const { pool, id, next, child, job } = await tree(db);
    expect(await settle(db, [id])).toBe(0);
    const grandchild = await draft(db, pool, job, { jobs: "[1]" });
    await end(db, pool, job, [grandchild]);
    expect(await settle(db, [id, child])).toBe(0);
    const [last] = jobsOf(await take(db, pool));
    expect(last?.postingId).toBe(grandchild);
    await end(db, pool, only(last), []);
    expect(await settle(db, [id])).toBe(1);
    expect(names(await take(db, pool))).toEqual([`${next}/0`]);
  });

  test("the end of a child notifies postings that wait for an ancestor", async () => {
    await using db = await freshQueue();
    const { pool, id, job } = await tree(db);
    const notified = Promise.withResolvers<string>();
    await using listener = connect(db.target, {
      connections: 1,
      onNotify: (_channel, payload) => notified.resolve(payload),
    });
    await listener.sql`listen "pdoflow.settle"`;
    await end(db, pool, job, []);
    expect(await notified.promise).toBe(String(id));
  });

  test("W4: failed jobs of children block it, until they are repaired", async () => {
    await using db = await freshQueue();
    const { pool, id, next, child, job } = await tree(db);
    await end(db, pool, job, [], { state: "failed", error: "{}" });
    expect(await settle(db, [id])).toBe(0);
    const [row] = await db.sql`select reason, has_ended from pdoflow.obstacles(${next})`;
    expect(row).toEqual({ reason: `${id} has 1 failed job, in ${child}`, hasEnded: true });
    await retryFailed(db, child, { indices: null, fingerprint: null });
    const [again] = jobsOf(await take(db, pool));
    await end(db, pool, only(again), []);
    expect(await settle(db, [id])).toBe(1);
    expect(await db.sql`select from pdoflow.obstacles(${next})`).toHaveLength(0);
  });

  test("any: it goes on however the children end", async () => {
    await using db = await freshQueue();
    const { pool, id, child } = await tree(db, "any");
    expect(await settle(db, [id])).toBe(0);
    await cancel(db, child);
    await putBack(db, pool, [{ leaseId: (await activeLease(db)) ?? 0 }]);
    await finishPostings(db, [child]);
    expect(await settle(db, [id])).toBe(1);
  });

  test("W3: a child is not pruned while a posting waits for its ancestor", async () => {
    await using db = await freshQueue();
    const { pool, id, child, job } = await tree(db);
    await end(db, pool, job, [], { state: "failed", error: "{}" });
    await prune(db, all);
    const rows = await db.sql`select id from pdoflow.posting where id in (${id}, ${child})`;
    expect(rows).toHaveLength(2);
  });
});

const activeLease = async ({ sql }: Db) =>
  (await sql<{ id: number }[]>`select id from pdoflow.lease where active`)[0]?.id;
