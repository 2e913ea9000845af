import { describe, expect, test } from "bun:test";

import {
  allRoutes,
  names,
  newPool,
  postJobs,
  postSingles,
  queueOfFile,
  readLines,
  take,
  takeAll,
} from "../engine.ts";

const freshQueue = queueOfFile();

describe("order", () => {
  test("higher priority comes first, and the older posting within a priority", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const [a, b, c, d] = [
      await postJobs(db, 2),
      await postJobs(db, 1, { priority: 5 }),
      await postJobs(db, 1, { priority: -5 }),
      await postJobs(db, 2, { priority: 5 }),
    ];
    const taken = await takeAll(db, pool, { cap: 1 });
    expect(names(taken)).toEqual(
      [b, d, d, a, a, c].map((id, n) => `${id}/${[0, 0, 1, 0, 1, 0][n]}`),
    );
  });

  test("N1: a posting of several priorities is claimed lane by lane", async () => {
    await using db = await freshQueue();
    const id = await postJobs(db, 5, { priorities: [1, 9, 1, 9, -1] });
    const taken = await takeAll(db, await newPool(db));
    expect(taken.map(({ firstSeq, endSeq }) => [firstSeq, endSeq])).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    expect((await readLines(db, taken)).flat()).toEqual(
      [1, 3, 0, 2, 4].map((index) => `[${index}]`),
    );
    expect(taken.every(({ postingId }) => postingId === id)).toBe(true);
  });

  test("the oldest open lane comes first if the claim asks for it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const old = await postJobs(db, 2, { priority: -1000 });
    await postJobs(db, 2, { priority: 1000 });
    expect(names(await take(db, pool, { oldest: true, cap: 1 }))).toEqual([`${old}/0`]);
  });

  test("the oldest lane of all routes comes first if the claim asks for it", async () => {
    await using db = await freshQueue();
    const old = await postJobs(db, 1, { osUser: "ada" });
    await postJobs(db, 1, { osUser: "ben", priority: 7 });
    const routes = (await allRoutes(db)).toReversed();
    expect(names(await take(db, await newPool(db), { oldest: true, routes }))).toEqual([
      `${old}/0`,
    ]);
  });

  test("the best lane of all routes comes first", async () => {
    await using db = await freshQueue();
    await postJobs(db, 1, { osUser: "ada" });
    const best = await postJobs(db, 1, { osUser: "ben", priority: 7 });
    expect(names(await take(db, await newPool(db), { cap: 1 }))).toEqual([`${best}/0`]);
  });

  test("lanes of routes that a pool may not serve are skipped", async () => {
    await using db = await freshQueue();
    const mine = await postJobs(db, 1, { osUser: "ada" });
    await postJobs(db, 1, { osUser: "ben", priority: 7 });
    const [first = 0] = await allRoutes(db);
    const pool = await newPool(db);
    expect(names(await takeAll(db, pool, { routes: [first] }))).toEqual([`${mine}/0`]);
    expect(await take(db, pool, { routes: [] })).toEqual([]);
  });
});

describe("size", () => {
  const sizes = (taken: { firstSeq: number; endSeq: number }[]) =>
    taken.map(({ firstSeq, endSeq }) => endSeq - firstSeq);

  test("a claim takes no more than the cap", async () => {
    await using db = await freshQueue();
    await postJobs(db, 10);
    expect(sizes(await takeAll(db, await newPool(db), { cap: 4 }))).toEqual([4, 4, 2]);
  });

  test("a claim takes its share of the remaining jobs, and at least one", async () => {
    await using db = await freshQueue();
    await postJobs(db, 100);
    const taken = await takeAll(db, await newPool(db), { share: 0.5 });
    expect(sizes(taken)).toEqual([50, 25, 13, 6, 3, 2, 1]);
  });

  test("cap and floor of an entry point stand for it, and for no other", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 100, { entryPoint: "a.ts#known" });
    await postJobs(db, 100, { entryPoint: "b.ts#unknown" });
    const known = { entryPoint: "a.ts#known", cap: 60, floor: 30 };
    const taken = await takeAll(db, pool, { sizes: [known], cap: 50, share: 0.1 });
    expect(sizes(taken).slice(0, 4)).toEqual([30, 30, 30, 10]);
    expect(sizes(taken).slice(4, 7)).toEqual([10, 9, 9]);
  });

  test("the cap counts more than the floor", async () => {
    await using db = await freshQueue();
    await postJobs(db, 100);
    const size = { entryPoint: "work.ts#main", cap: 7, floor: 30 };
    expect(sizes(await take(db, await newPool(db), { sizes: [size] }))).toEqual([7]);
  });

  test("if the cap of the first in line is 0, nothing is claimed, and other pools can claim it", async () => {
    await using db = await freshQueue();
    const first = await postJobs(db, 1, { priority: 1 });
    await postJobs(db, 1, { entryPoint: "b.ts#other" });
    const notNow = { entryPoint: "work.ts#main", cap: 0, floor: 1 };
    expect(await take(db, await newPool(db), { sizes: [notNow] })).toEqual([]);
    expect(await take(db, await newPool(db), { cap: 0 })).toEqual([]);
    expect(names(await take(db, await newPool(db), { cap: 1 }))).toEqual([`${first}/0`]);
  });
});

describe("many small postings", () => {
  test("they are claimed whole, under one lease, up to the cap", async () => {
    await using db = await freshQueue();
    const ids = await postSingles(db, 5);
    const pool = await newPool(db);
    const taken = await take(db, pool, { cap: 3 });
    expect(names(taken)).toEqual(ids.slice(0, 3).map((id) => `${id}/0`));
    expect(new Set(taken.map(({ leaseId }) => leaseId)).size).toBe(1);
    expect(names(await take(db, pool))).toEqual(ids.slice(3).map((id) => `${id}/0`));
  });

  test("no other one is claimed with chosen ones, and none that is to be skipped", async () => {
    await using db = await freshQueue();
    const [a, b, c] = [await postJobs(db, 1), await postJobs(db, 1), await postJobs(db, 1)];
    const pool = await newPool(db);
    expect(names(await take(db, pool, { postings: [a] }))).toEqual([`${a}/0`]);
    const d = await postJobs(db, 1);
    expect(names(await take(db, pool, { skip: [c] }))).toEqual([`${b}/0`, `${d}/0`]);
    expect(names(await take(db, pool))).toEqual([`${c}/0`]);
  });

  test("a claim takes its share of them", async () => {
    await using db = await freshQueue();
    await postSingles(db, 8);
    expect(await take(db, await newPool(db), { share: 0.5 })).toHaveLength(4);
  });

  test("a claim takes none that would go beyond the cap", async () => {
    await using db = await freshQueue();
    const [a, b, c] = [await postJobs(db, 2), await postJobs(db, 2), await postJobs(db, 2)];
    const taken = await takeAll(db, await newPool(db), { cap: 5 });
    expect(taken.map(({ postingId }) => postingId)).toEqual([a, b, c]);
    expect(new Set(taken.map(({ leaseId }) => leaseId)).size).toBe(2);
  });

  test("entry points do not mix in a lease", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const a = await postJobs(db, 1, { entryPoint: "a.ts#run" });
    const b = await postJobs(db, 1, { entryPoint: "b.ts#run" });
    const c = await postJobs(db, 1, { entryPoint: "a.ts#run" });
    expect(names(await take(db, pool))).toEqual([`${a}/0`, `${c}/0`]);
    expect(names(await take(db, pool))).toEqual([`${b}/0`]);
  });

  test("priorities and routes do not mix in a lease", async () => {
    await using db = await freshQueue();
    const ids = [
      await postJobs(db, 1, { priority: 1 }),
      await postJobs(db, 1),
      await postJobs(db, 1, { osUser: "ben" }),
    ];
    const taken = await takeAll(db, await newPool(db));
    expect(names(taken)).toEqual(ids.map((id) => `${id}/0`));
    expect(new Set(taken.map(({ leaseId }) => leaseId)).size).toBe(3);
  });

  test("L1: a lane with a claimed range is not claimed whole together with later lanes", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const large = await postJobs(db, 4, { priority: 1, priorities: [2, 1, 1, 1] });
    expect(names(await take(db, pool))).toEqual([`${large}/0`]);
    expect(names(await take(db, pool, { cap: 2 }))).toEqual([`${large}/1`, `${large}/2`]);
    const small = await postJobs(db, 1, { priority: 1 });
    await db.sql`update pdoflow.lane set posting_id = -1 where posting_id = ${small}`;
    await db.sql`update pdoflow.posting set id = -1 where id = ${small}`; // before the large one
    expect(names(await take(db, pool))).toEqual(["-1/0"]);
    expect(names(await take(db, pool))).toEqual([`${large}/3`]);
  });
});

describe("a claim that begins at a position", () => {
  test("takes no earlier posting of that priority, and what comes before or after it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const [low, early, position, late] = [
      await postJobs(db, 1, { priority: -1 }),
      ...(await postSingles(db, 3)),
    ] as [number, number, number, number];
    const high = await postJobs(db, 1, { priority: 1 });
    const taken: string[] = [];
    for (let n = 0; n < 4; n++) {
      taken.push(...names(await take(db, pool, { cap: 1, positions: [position] })));
    }
    expect(taken).toEqual([high, position, late, low].map((id) => `${id}/0`));
    expect(names(await take(db, pool, { cap: 1, positions: [position] }))).toEqual([]);
    expect(names(await take(db, pool, { cap: 1 }))).toEqual([`${early}/0`]);
  });

  test("of the oldest lane takes no earlier posting of any priority", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const early = await postJobs(db, 1, { priority: 9 });
    const [position, late] = (await postSingles(db, 2)) as [number, number];
    const want = { cap: 1, oldest: true, positions: [position] };
    expect(names(await take(db, pool, want))).toEqual([`${position}/0`]);
    expect(names(await take(db, pool, want))).toEqual([`${late}/0`]);
    expect(names(await take(db, pool, { ...want, positions: [] }))).toEqual([`${early}/0`]);
  });

  test("reads other routes from the start", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const other = await postJobs(db, 1, { osUser: "ben" });
    const [early, position] = (await postSingles(db, 2)) as [number, number];
    const taken = [];
    for (let n = 0; n < 3; n++) {
      taken.push(...names(await take(db, pool, { cap: 1, positions: [position] })));
    }
    expect(taken).toEqual([`${other}/0`, `${position}/0`]);
    expect(early).toBeLessThan(position);
  });
});

describe("the writes of a claim", () => {
  test("N2: the lease that takes the last job of the one lane deletes it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const lanes = async () => [...(await db.sql`select state, closed_by from pdoflow.lane`)];
    await postJobs(db, 3);
    await take(db, pool, { cap: 2 });
    expect(await lanes()).toEqual([{ state: "open", closedBy: null }]);
    await take(db, pool);
    expect(await lanes()).toEqual([]);
  });

  test("N2: the lease that takes the last job of one of several lanes closes it", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 5, { priorities: [2, 2, 1, 1, 1] });
    const lanes = async () => [
      ...(await db.sql`select priority, state, closed_by from pdoflow.lane order by priority`),
    ];
    const [whole] = await take(db, pool, { cap: 2 });
    await take(db, pool, { cap: 2 });
    const [last] = await take(db, pool);
    expect(await lanes()).toEqual([
      { priority: 1, state: "closed", closedBy: last?.leaseId },
      { priority: 2, state: "closed", closedBy: whole?.leaseId },
    ]);
  });

  test("N2: lanes that are taken whole are deleted", async () => {
    await using db = await freshQueue();
    await postSingles(db, 2);
    await take(db, await newPool(db));
    expect([...(await db.sql`select from pdoflow.lane`)]).toEqual([]);
  });

  test("a claim that finds nothing writes nothing", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    await postJobs(db, 1);
    await take(db, pool);
    expect(await take(db, pool)).toEqual([]);
    expect(await db.sql`select from pdoflow.lease`).toHaveLength(1);
  });

  test("attempts count from 1, and the lease belongs to the pool that claimed", async () => {
    await using db = await freshQueue();
    const pool = await newPool(db);
    const id = await postJobs(db, 2);
    const [range] = await take(db, pool);
    expect(range).toMatchObject({ postingId: id, firstSeq: 0, endSeq: 2, attempt: 1 });
    const [lease] = await db.sql`select pool_id, active from pdoflow.lease`;
    expect(lease).toEqual({ poolId: pool, active: true });
  });
});
