import { expect, test } from "bun:test";
import { join } from "node:path";

import { ClusterPool, Schedule, schedule } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";
import { refusal } from "../../db/engine.ts";
import { quick, total } from "../in-process-jobs.ts";

const root = join(import.meta.dir, "..");

test("a schedule is stored, posts its jobs, and is replaced by one with its name", async () => {
  await using db = await freshDatabase();
  const where = { root, db: db.url };
  const nightly = await schedule(quick, [[1], [2]], {
    ...{ name: "nightly", timing: "0 2 * * *", zone: "Europe/Berlin", maxAttempts: 2 },
    ...{ overlap: "allow", jitterMs: 1_000, until: new Date("2099-01-01") },
    ...where,
  });
  const posting = await nightly.run();
  await using pool = new ClusterPool({ concurrency: 1, ...where });
  if (!posting) throw new Error("nothing was posted");
  expect(await pool.awaitCompletion(posting)).toMatchObject({ done: 2 });
  await schedule(quick, [[3]], { name: "nightly", timing: "every 90m", ...where });
  expect(
    await db.db.sql`select timing, zone, overlap, job_count, options from pdoflow.schedules`,
  ).toMatchObject([{ timing: "every 90m", zone: "UTC", overlap: "skip", jobCount: 1 }]);
});

test("its next times are those of its zone, and none while it is paused", async () => {
  await using db = await freshDatabase();
  const options = { name: "n", timing: "0 2 * * *", zone: "Asia/Tokyo", root, db: db.url };
  const tokyo = await schedule(quick, [[1]], options);
  const times = await tokyo.next(2);
  expect(times.map((time) => time.getUTCHours())).toEqual([17, 17]);
  const again = new Schedule("n", { db: db.url });
  expect([await again.pause(), await again.pause()]).toEqual([true, false]);
  expect(await tokyo.next()).toEqual([]);
  expect(await again.resume()).toBe(true);
  expect(await tokyo.next()).toHaveLength(1);
  await tokyo.delete();
  expect(await refusal(tokyo.next())).toContain('there is no schedule "n"');
  expect(await refusal(tokyo.run())).toContain('no schedule "n"');
});

test("options and arguments are checked, and types fit the function", async () => {
  await using db = await freshDatabase();
  const where = { timing: "@daily", name: "n", root, db: db.url };
  const wrong = [
    // @ts-expect-error: no such policy
    schedule(quick, [[1]], { ...where, overlap: "maybe" }),
    // @ts-expect-error: a schedule needs a time
    schedule(quick, [[1]], { name: "n", root, db: db.url }),
    // @ts-expect-error: the nominal time is the time at which it starts
    schedule(quick, [[1]], { ...where, runAt: new Date() }),
    // @ts-expect-error: a number
    schedule(quick, [["one"], [() => 1]], where),
    schedule(quick, [], where),
    schedule(quick, [[1]], { ...where, timing: "0 25 * * *" }),
    schedule("jobs.ts#quick", [["a".repeat(1_100_000)]], where),
  ];
  const found = await Promise.all(wrong.map(refusal));
  for (const [i, text] of [
    "expected skip, queue, allow or cancel",
    "timing",
    "runAt",
    "Job 1",
    "at least one list of arguments",
    "hours from 0 to 23",
    "at most 1 MiB",
  ].entries()) {
    expect(found[i]).toContain(text);
  }
  expect(await db.db.sql`select from pdoflow.schedules`).toHaveLength(0);
});

/** Only for types. */
export async function typesOfResults(): Promise<void> {
  const sum = await schedule(total, [[1]], { name: "n", timing: "@daily" });
  const results = (await sum.run())?.results();
  // @ts-expect-error: an object
  for await (const { result } of results ?? []) result satisfies string | undefined;
}
