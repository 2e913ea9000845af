// Chains and graphs of waiting postings: each upstream is read once, not again for each posting.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { readEdges } from "../../../src/db/read/edges.ts";
import { readStages } from "../../../src/db/read/flows.ts";
import { listPostings } from "../../../src/db/read/lists.ts";
import { readPostings } from "../../../src/db/read/snapshot.ts";
import { readPostingCounts } from "../../../src/db/read/status.ts";
import { Dice } from "../../chaos/dice.ts";
import { cancel, freshQueue } from "../engine.ts";

const length = 600;
let db: Db;
/** A flow whose stages wait for each other, one by one. */
let flow: number;
let ids: number[];
beforeAll(async () => {
  db = await freshQueue();
  [{ flow } = { flow: 0 }] = await db.sql<{ flow: number }[]>`
    select flow_id as flow from pdoflow.begin_flow('chain')`;
  ids = [];
  for (let n = 0; n < length; n++) ids.push(await postStage(n));
  await db.sql`vacuum analyze`;
});
afterAll(() => db[Symbol.asyncDispose]());

async function postStage(n: number): Promise<number> {
  const [upstream] = ids.slice(-1);
  const options = {
    ...{ flowId: flow, stage: `s${n}` },
    after: upstream === undefined ? [] : [{ posting: upstream, kind: "after" }],
  };
  const [row] = await db.sql<{ id: number }[]>`
    select pdoflow.post('work.ts#main', '[[1]]', ${db.sql.json(options)}) as id`;
  return row?.id ?? 0;
}

/** How many edges and postings were read for `act`, as the second one of a connection. */
async function rowsRead(act: (tx: Db) => PromiseLike<unknown>): Promise<number> {
  await using tx = connect(db.target, { connections: 1 });
  await act(tx);
  await tx.sql`begin`;
  await act(tx);
  const [row] = await tx.sql<{ rows: number }[]>`
    select sum(seq_tup_read + idx_tup_fetch)::integer as rows from pg_stat_xact_user_tables
    where schemaname = 'pdoflow' and relname in ('edge', 'posting')`;
  return row?.rows ?? 0;
}

const reads: Record<string, (tx: Db) => PromiseLike<unknown>> = {
  "the stages of a flow": (tx) => readStages(tx, [flow]),
  "the newest postings": (tx) => readPostings(tx, 1_000),
  "a list of blocked postings": (tx) =>
    listPostings(tx, { isAll: false, state: "blocked", before: 1e9, most: 1_000 }),
  "the counts of postings": (tx) => readPostingCounts(tx, ids),
  "the edges of postings": (tx) => readEdges(tx, ids),
};

describeBoth("while the first one is open", async () => {});
describeBoth("while all are blocked", async () => {
  await cancel(db, ids[0] ?? 0);
});

function describeBoth(when: string, prepare: () => Promise<unknown>) {
  for (const [what, act] of Object.entries(reads)) {
    test(`${what} of a chain read each posting a few times, ${when}`, async () => {
      await prepare();
      expect(await rowsRead(act)).toBeLessThan(length * 50);
    });
  }
}

test("W4: what blocks postings is the same, together and one by one", async () => {
  await using graph = await freshQueue();
  const dice = new Dice(Number(process.env["PDOFLOW_TEST_SEED"] ?? 7));
  const postings: number[] = [];
  for (let n = 0; n < 60; n++) {
    const upstreams = [...new Set([dice.pick(postings.slice(-9)), dice.pick(postings)])];
    const after = upstreams.flatMap((posting) =>
      posting === undefined || dice.chance(0.2)
        ? []
        : [{ posting, kind: dice.pick(["after", "after", "any", "failed", "start"]) }],
    );
    const ifBlocked = dice.chance(0.15) ? dice.pick(["cancel", "run"]) : "hold";
    const [row] = await graph.sql<{ id: number }[]>`
      select pdoflow.post('work.ts#main', '[[1]]',
                          ${graph.sql.json({ after, ifBlocked })}) as id`;
    postings.push(row?.id ?? 0);
    if (n % 7 === 0) await cancel(graph, dice.pick(postings) ?? 0);
  }
  const together = await graph.sql`
    select id, upstream_id, kind, reason, has_ended from pdoflow.obstacles_of(
      array(select id from pdoflow.posting)) order by 1, 2, 3, 4`;
  const apart = await graph.sql`
    select distinct p.id, o.upstream_id, o.kind, o.reason, o.has_ended
    from pdoflow.posting p cross join lateral pdoflow.obstacles(p.id) o order by 1, 2, 3, 4`;
  expect(together.length).toBeGreaterThan(20);
  expect([...together]).toEqual([...apart]);
  const blocked = await graph.sql`
    select id from pdoflow.blocked_of(array(select id from pdoflow.posting)) as b (id) order by 1`;
  const each = await graph.sql`
    select id from pdoflow.posting p where pdoflow.is_blocked(p) order by 1`;
  expect(blocked.length).toBeGreaterThan(5);
  expect([...blocked]).toEqual([...each]);
});
