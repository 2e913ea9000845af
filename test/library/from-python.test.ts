import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { ClusterPool, findPosting, job, postWork, Registry, Value } from "../../src/index.ts";
import { freshDatabase } from "../database.ts";
import { drivenPool, only } from "./hand-driven.ts";
import { obedient, stub, until } from "./stub.ts";
import { eachJob } from "../db/each-job.ts";

// Each row of docs/from-python.md works as it is written there.
const page = await readFile(join(import.meta.dir, "../../docs/from-python.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (Python|-)/.test(line))
  .map((line) => line.split(" | ")[0]?.slice(2).trim() ?? "");

export const fit = job((seed: number, options?: { rate: number }) => seed * (options?.rate ?? 1));
const given = job((n: number) => n, { name: "exported", file: "elsewhere.ts" });
export class Model {
  readonly isNotStatic = true;
  @job
  static fit(this: void, n: number): number {
    return n;
  }
}

const root = import.meta.dir;
const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.name : "?"),
  );

const covered = new Set<string>();
function row(begin: string, work: () => Promise<void>): void {
  for (const each of rows.filter((text) => text.startsWith(begin))) covered.add(each);
  test(`the row ${begin}`, work);
}

row("`@cluster.job()`", async () => {
  expect(await Registry.get(fit).entryPoint(root)).toBe("from-python.test.ts#fit");
  expect(await Registry.get(Model.fit).entryPoint(root)).toBe("from-python.test.ts#Model.fit");
  expect(await nameOf(Registry.get(given).entryPoint(root))).toBe("JobFileNotFound");
});

row("`Registry[fit]`", async () => expect(Registry.get(fit).fn).toBe(fit));

row("`Registry.add_job", async () => {
  expect(Registry.add(fit)).toBe(fit);
  expect([...Registry].filter((fn) => fn === fit)).toHaveLength(1);
});

row("iterating over", async () => {
  const found = [];
  for (const fn of Registry) found.push(fn);
  expect(found).toContain(fit);
  expect([...Registry].includes(fit)).toBe(true);
});

row("`Registry[fit].post_work", async () => {
  await using database = await freshDatabase();
  const options = { db: database.url, root, priority: 7 };
  await postWork(fit, [[1], [2]], [{ rate: 1 }, { rate: 2 }], options);
  await Registry.get(fit).postWork([[1], [2]], [{ rate: 1 }, { rate: 2 }], options);
  const jobs = await database.sql`
    select p.entry_point, job.args, l.priority from pdoflow.posting p
      join ${database.sql.unsafe(eachJob)} on job.posting_id = p.id join pdoflow.lane l on l.posting_id = p.id
    order by p.id, job.seq`;
  const posted = [1, 2].map((n) => ({
    ...{ entryPoint: "from-python.test.ts#fit", args: [n, { rate: n }], priority: 7 },
  }));
  expect([...jobs]).toEqual([...posted, ...posted]);
});

row("a priority for each", async () => {
  await using database = await freshDatabase();
  await postWork(fit, [[1], [2], [3]], [], { db: database.url, root, priority: [3, 1, 2] });
  const lanes = await database.sql`select priority from pdoflow.lane order by first_seq`;
  expect(lanes.map(({ priority }: { priority?: number }) => priority)).toEqual([3, 2, 1]);
});

row("`posting_id, job_ids", async () => {
  await using database = await freshDatabase();
  const posting = await postWork(fit, [[1], [2]], [], { db: database.url, root });
  const ids = await database.sql`
    select posting_id || '/' || index as id from pdoflow.job_status order by seq`;
  expect(ids.map(({ id }: { id?: string }) => id)).toEqual([`${posting.id}/0`, `${posting.id}/1`]);
});

row("`JobPosting` by its id", async () => {
  await using database = await freshDatabase();
  const { id } = await postWork(fit, [[1]], [], { db: database.url, root });
  expect((await findPosting(id, fit, { db: database.url })).jobCount).toBe(1);
});

for (const begin of [
  "`ClusterPool(max_workers",
  "`pool.upkeep",
  "`with pool:",
  "pools that only",
  "every tenth job is profiled",
]) {
  row(begin, async () => {
    await using program = await stub(obedient);
    {
      const kind = { onlyMine: true, profilePercent: 10 };
      const options = { maxWorkers: 16, ...kind, binary: program.binary };
      await using pool = new ClusterPool(options);
      await until(async () => (await program.calls()).length === 1);
      expect(await pool.upkeep()).toEqual({ restarted: false });
    }
    expect(await program.calls()).toEqual([
      expect.stringMatching(/^pool --max-workers 16 --root \S+ --only-mine --profile=10.000%/),
    ]);
  });
}

for (const begin of ["`poll_posting", "`percent_done", "`poll_job_status_count"]) {
  row(begin, async () => {
    await using database = await freshDatabase();
    const posting = await postWork(fit, [[1], [2]], [], { db: database.url, root });
    const pool = await drivenPool(database.db);
    const seen = [];
    for await (const status of posting.progress()) {
      seen.push(status);
      await pool.endAll();
    }
    expect(seen[0]).toMatchObject({ percent: 0, waiting: 2, running: 0, retrying: 0, done: 0 });
    expect(seen.at(-1)).toMatchObject({ percent: 100, done: 2, failed: 0, cancelled: 0 });
  });
}

row("`await_posting_completion", async () => {
  await using database = await freshDatabase();
  const posting = await postWork(fit, [[1]], [], { db: database.url, root });
  expect(await nameOf(posting.wait({ timeoutMs: 10 }))).toBe("WaitTimedOut");
});

row("`await_for_status_threshold", async () => {
  await using database = await freshDatabase();
  const posting = await postWork(fit, [[1], [2]], [], { db: database.url, root });
  const pool = await drivenPool(database.db);
  await pool.end(only(await pool.claim(1)), ["done"]);
  const reached = await posting.waitUntil(({ done }) => done >= 1, { timeoutMs: 60_000 });
  expect(reached).toMatchObject({ done: 1, waiting: 1 });
});

row("waiting for several", async () => {
  await using database = await freshDatabase();
  const post = () => postWork(fit, [[1]], [], { db: database.url, root });
  const postings = [await post(), await post(), await post()];
  const ended = Promise.all(postings.map((posting) => posting.wait()));
  await (await drivenPool(database.db)).endAll();
  expect((await ended).map(({ done }) => done)).toEqual([1, 1, 1]);
});

for (const begin of ["`get_shared", "`set_shared", "`update_shared", "`delete_shared", "`Value("]) {
  row(begin, async () => {
    await using database = await freshDatabase();
    const count = new Value("7/count", 0, { db: database.url });
    expect(await count.get()).toBe(0);
    await count.set(7);
    expect(await count.update((n) => n + 1)).toBe(8);
    expect(await count.delete()).toBe(true);
  });
}

test("every row but those of the command line has a test", () => {
  expect(rows.length).toBeGreaterThan(20);
  const ofLibrary = rows.filter((each) => !each.startsWith("`pdoflow "));
  expect(ofLibrary.filter((each) => !covered.has(each))).toEqual([]);
});
