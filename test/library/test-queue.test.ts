import { expect, test } from "bun:test";

import { type Posting, postWork } from "../../src/index.ts";
import { openTestQueue } from "../../src/testing.ts";
import { freshDatabase } from "../database.ts";
import { crowd, fails, posts, quick, seen } from "./in-process-jobs.ts";

const root = import.meta.dir;

async function resultsOf<R>(posting: Posting<R>): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = [];
  for await (const { result } of posting.results()) results.push(result);
  return results;
}

test("jobs that are posted without a word of the queue run in this process, in a schema that goes", async () => {
  await using db = await freshDatabase();
  const schemas = () =>
    db.sql`select nspname from pg_namespace where nspname like 'pdoflow_test_%'`;
  {
    await using queue = await openTestQueue({ db: db.url, root });
    const posting = await postWork(quick, [[1], [2], [3]], [], { root });
    expect(await posting.status()).toMatchObject({ waiting: 3 });
    expect(await queue.run(posting)).toMatchObject({ done: 3, state: "finished" });
    expect(await resultsOf(posting)).toEqual([2, 4, 6]);
    const twins = await postWork(crowd, [[1], [2]], [], { root });
    Object.assign(seen, { now: 0, most: 0 });
    expect(await queue.run(twins, { concurrency: 2 })).toMatchObject({ done: 2 });
    expect([...(await schemas())]).toEqual([{ nspname: queue.schema }]);
    expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
    expect(seen.most).toBe(2);
  }
  expect(await schemas()).toHaveLength(0);
  expect(process.env["PDOFLOW_SCHEMA"]).toBeUndefined();
});

test("retries do not wait for their time, and a stopped posting is reported as stopped", async () => {
  await using db = await freshDatabase();
  await using queue = await openTestQueue({ db: db.url, root });
  seen.attempts = 0;
  const posting = await postWork(fails, [["again"]], [], {
    root,
    maxAttempts: 4,
    backoffMs: 3_600_000,
  });
  expect(await queue.run(posting)).toMatchObject({ failed: 1, state: "finished" });
  expect(seen.attempts).toBe(4);
  const stopped = await postWork(fails, [["a"], ["b"]], [], { root, maxAttempts: 9, stopAfter: 2 });
  expect(await queue.run(stopped)).toMatchObject({ state: "errored_out" });
});

test("a posting that starts later runs at once", async () => {
  await using db = await freshDatabase();
  await using queue = await openTestQueue({ db: db.url, root });
  const runAt = new Date(Date.now() + 3_600_000);
  const posting = await postWork(quick, [[1]], [], { root, runAt });
  expect(await posting.status()).toMatchObject({ waiting: 1, state: "open" });
  expect(await queue.run(posting)).toMatchObject({ done: 1 });
});

test("jobs that its jobs post run too", async () => {
  await using db = await freshDatabase();
  await using queue = await openTestQueue({ db: db.url, root });
  expect(await queue.run(await postWork(posts, [[3]], [], { root }))).toMatchObject({ done: 1 });
  const rows = await db.sql`select state from ${db.sql(queue.schema)}.posting`;
  expect([...rows]).toEqual(Array.from({ length: 4 }, () => ({ state: "finished" })));
});

test("one queue is open at a time, and one that can't be opened leaves nothing behind", async () => {
  await using db = await freshDatabase();
  const nowhere = { db: "postgres://nobody@127.0.0.1:1/none" };
  expect(await openTestQueue(nowhere).catch((e: Error) => e.name)).toBe("DatabaseUnavailable");
  await using queue = await openTestQueue({ db: db.url });
  expect(await openTestQueue({ db: db.url }).catch((e: Error) => e.name)).toBe("TestQueueIsOpen");
  await queue.close();
  await using next = await openTestQueue({ db: db.url });
  expect(next.schema).not.toBe(queue.schema);
});
