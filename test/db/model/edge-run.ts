// Random acts on postings that wait for others, on a queue and on a model of it (edge-graph.ts).
import { expect } from "bun:test";
import * as fc from "fast-check";

import { prune } from "../../../src/db/admin/prune.ts";
import { resumePostings, retryFailed, unblockPostings } from "../../../src/db/engine/control.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { finishPostings } from "../../../src/db/engine/outcomes.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { all } from "../admin/retention.ts";
import {
  cancel as cancelPosting,
  hold,
  jobsOf,
  newPool,
  postJobs,
  record,
  recordPart,
  takeAll,
} from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";
import {
  cancel,
  type Graph,
  hasEnded,
  isBlocked,
  isOpen,
  type Node,
  settleAll,
  waits,
} from "./edge-graph.ts";

const number = fc.nat({ max: 1_000 });
const edge = fc.record({
  at: number,
  kind: fc.constantFrom("after", "after", "any", "failed", "start"),
  tolerance: fc.constantFrom({}, {}, { tolerateJobs: 1 }, { toleratePercent: 50 }),
});
const act = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constant("post" as const),
      jobs: fc.integer({ min: 1, max: 3 }),
      edges: fc.array(edge, { maxLength: 3 }),
      ifBlocked: fc.constantFrom("hold", "hold", "hold", "cancel", "run"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ name: fc.constant("run" as const), failing: fc.nat({ max: 255 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constantFrom("retry", "cancel", "pause", "stop", "resume", "unblock", "prune"),
      at: number,
    }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer A> ? A : never;

/** One queue with its model. */
class EdgeRun {
  readonly graph: Graph = new Map();
  readonly #db: Db;
  readonly #pool: number;

  constructor(db: Db, pool: number) {
    this.#db = db;
    this.#pool = pool;
  }

  async act(one: Act): Promise<void> {
    if (one.name === "post") await this.#post(one);
    else if (one.name === "run") await this.run(one.failing);
    else await this.#control(one.name, one.at);
    while ((await settle(this.#db, null)) > 0);
    settleAll(this.graph);
    await this.#compare();
  }

  async #post({ jobs, edges, ifBlocked }: Extract<Act, { name: "post" }>): Promise<void> {
    const known = [...this.graph.keys()];
    const after = edges.flatMap(({ at, kind, tolerance }) => {
      const posting = known[at % known.length];
      return posting === undefined
        ? []
        : [{ posting, kind, ...(kind === "after" ? tolerance : {}) }];
    });
    const unique = after.filter(
      (one, i) => after.findIndex((e) => e.posting === one.posting && e.kind === one.kind) === i,
    );
    const id = await postJobs(this.#db, jobs, { after: unique, ifBlocked, maxAttempts: 1 });
    this.graph.set(id, {
      ...{ id, jobs, done: 0, failed: 0, cancelled: 0, state: "open", hasBegun: false, ifBlocked },
      edges: unique.map((e) => ({ ...e, isMet: false })),
    });
  }

  /** A pool runs all that it can claim; the jobs whose bit is set in `failing` fail. */
  async run(failing: number): Promise<number> {
    const jobs = jobsOf(await takeAll(this.#db, this.#pool));
    const open = [...this.graph.values()].filter(isOpen).map(({ id }) => id);
    const claimed = [...new Set(jobs.map(({ postingId }) => postingId))];
    expect(claimed.toSorted((a, b) => a - b)).toEqual(open);
    const fails = ({ postingId, seq }: { postingId: number; seq: number }) =>
      ((failing >> ((postingId + seq) % 8)) & 1) > 0;
    const error = JSON.stringify({ name: "Error" });
    await recordPart(this.#db, this.#pool, jobs.filter(fails), { state: "failed", error });
    await record(
      this.#db,
      this.#pool,
      jobs.filter((job) => !fails(job)),
    );
    await finishPostings(this.#db, claimed);
    for (const job of jobs) {
      const node = this.#node(job.postingId);
      node.hasBegun = true;
      if (fails(job)) node.failed++;
      else node.done++;
    }
    for (const id of claimed) this.#node(id).state = "finished";
    return jobs.length;
  }

  async #control(name: Extract<Act, { at: number }>["name"], at: number): Promise<void> {
    const node = [...this.graph.values()][at % Math.max(1, this.graph.size)];
    if (!node) return;
    const [db, { id }] = [this.#db, node];
    switch (name) {
      case "retry":
        await retryFailed(db, id, { indices: null, fingerprint: null });
        if (node.state === "cancelled" || node.failed === 0) return;
        if (hasEnded(node)) node.state = "open";
        node.failed = 0;
        return;
      case "cancel":
        await cancelPosting(db, id);
        return cancel(node);
      case "pause":
      case "stop": {
        const state = name === "pause" ? "paused" : "errored_out";
        await hold(db, id, state);
        if (node.state === "open") node.state = state;
        return;
      }
      case "resume":
        await resumePostings(db, [id]);
        if (node.state === "paused" || node.state === "errored_out") node.state = "open";
        return;
      case "unblock":
        await unblockPostings(db, [id]);
        if (waits(node)) for (const one of node.edges) one.isMet = true;
        return;
      case "prune":
        return await this.#prune();
    }
  }

  /** W3: what a posting that has not ended waited for is kept. */
  async #prune(): Promise<void> {
    await prune(this.#db, all);
    const left = new Set(
      (await this.#db.sql<{ id: number }[]>`select id from pdoflow.posting`).map(({ id }) => id),
    );
    for (const node of this.graph.values()) {
      const isNeeded = node.edges.some(({ posting }) => !left.has(posting));
      if (!hasEnded(node) && isNeeded) throw new Error(`an upstream of ${node.id} is pruned`);
    }
    for (const node of [...this.graph.values()]) {
      if (left.has(node.id)) continue;
      if (!hasEnded(node)) throw new Error(`posting ${node.id} is pruned before its end`);
      this.graph.delete(node.id);
    }
  }

  async #compare(): Promise<void> {
    const rows = await this.#db.sql`
      select p.id::integer, p.state::text, p.waits, pdoflow.is_blocked(p) as is_blocked,
             p.ended_at is not null as has_ended from pdoflow.posting p order by id`;
    const expected = [...this.graph.values()].map((node) => ({
      id: node.id,
      state: node.state,
      waits: waits(node),
      isBlocked: isBlocked(this.graph, node),
      hasEnded: hasEnded(node),
    }));
    expect([...rows]).toEqual(expected);
  }

  /** All that can run does; then only what is blocked, or waits for it, is left. */
  async drain(): Promise<void> {
    for (const node of this.graph.values()) await this.#resume(node);
    do {
      while ((await settle(this.#db, null)) > 0);
      settleAll(this.graph);
    } while ((await this.run(0)) > 0);
    await this.#compare();
    for (const node of this.graph.values()) {
      if (!hasEnded(node) && !isBlocked(this.graph, node)) {
        throw new Error(`posting ${node.id} could run, and is left`);
      }
    }
    expect(await brokenInvariants(this.#db)).toEqual([]);
  }

  async #resume(node: Node): Promise<void> {
    await resumePostings(this.#db, [node.id]);
    if (node.state === "paused" || node.state === "errored_out") node.state = "open";
  }

  #node(id: number): Node {
    const node = this.graph.get(id);
    if (!node) throw new Error(`expected posting ${id} in the model`);
    return node;
  }
}

/** Runs random acts on queues that `open` makes. @throws if one differs from the model. */
export async function runEdges(
  open: () => Promise<Db>,
  { numRuns, shrinks }: { numRuns: number; shrinks: boolean },
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 6, maxLength: 24 }), async (acts) => {
      await using db = await open();
      const run = new EdgeRun(db, await newPool(db));
      for (const one of acts) await run.act(one);
      await run.drain();
    }),
    { numRuns, seed: 7, endOnFailure: !shrinks },
  );
}
