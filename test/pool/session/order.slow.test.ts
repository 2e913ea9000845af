import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { insertPosting } from "../../../src/db/posting/insert.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

/** A pool with one worker, so that the journal has the order in which jobs were handed out. */
const pool = ["pool", "--max-workers", "1"];

/** Jobs that append their name to a journal, and then take the given milliseconds. */
const note = `
  import { appendFileSync } from "node:fs";
  export async function note(name: string, ms: number) {
    appendFileSync("journal", name + "\\n");
    await Bun.sleep(ms);
  }`;

interface Batch {
  priority: number;
  count: number;
  ms: number;
  osUser?: string;
}

async function post({ db }: TestDatabase, name: string, { count, ms, ...posting }: Batch) {
  const args = names(name, count).map((each) => JSON.stringify([each, ms]));
  const defaults = { entryPoint: "note.ts#note", osUser: "ada" };
  await insertPosting(db, { ...defaults, ...posting }, [{ args }], "the test");
}

function journal(cli: Commands): string[] {
  const file = join(cli.folder, "journal");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

const names = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name} ${i}`);

test("higher priorities run first, and first in first out within one", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("note.ts", note);
  await post(db, "low", { priority: -1, count: 20, ms: 0 });
  await post(db, "old", { priority: 5, count: 20, ms: 0 });
  await post(db, "middle", { priority: 0, count: 20, ms: 0 });
  await post(db, "new", { priority: 5, count: 20, ms: 0 });
  expect((await cli.run(...pool, "--once", "--oldest-every", "0")).code).toBe(0);
  expect(journal(cli)).toEqual(["old", "new", "middle", "low"].flatMap((x) => names(x, 20)));
});

test.each([
  { who: "posted before", osUser: "ada", most: 3 }, // a quarter of a second, and the one under way
  { who: "never did", osUser: "bob", most: 14 }, // and a second
])(
  "a late posting of high priority by one who $who overtakes all that is not claimed",
  async (row) => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await cli.write("note.ts", note);
    await post(db, "low", { priority: 0, count: 200, ms: 100 });
    const running = cli.start(...pool, "--oldest-every", "0");
    await until("jobs to be measured", async () => journal(cli).length >= 20);
    const before = journal(cli).length;
    await post(db, "high", { priority: 1, count: 1, ms: 0, osUser: row.osUser });
    await until("it to run", async () => journal(cli).includes("high 0"));
    const between = journal(cli).indexOf("high 0") - before;
    expect(between).toBeLessThanOrEqual(row.most);
    running.kill("SIGTERM");
    expect(await running.exited).toBe(0);
  },
);

test.each([
  { every: "2", gets: "jobs" },
  { every: "0", gets: "none" },
])("--oldest-every $every: while higher ones wait, the oldest posting gets $gets", async (row) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("note.ts", note);
  await post(db, "low", { priority: 0, count: 10, ms: 100 });
  for (const name of ["high", "higher"]) await post(db, name, { priority: 1, count: 10, ms: 100 });
  expect((await cli.run(...pool, "--once", "--oldest-every", row.every)).code).toBe(0);
  const all = journal(cli);
  expect(all).toHaveLength(30);
  const early = all.slice(0, all.indexOf("higher 9")).filter((name) => name.startsWith("low"));
  expect(early.length > 0 ? "jobs" : "none").toBe(row.gets);
});

test("a posting of another role has its turn among thousands that were there before", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("note.ts", note);
  for (let n = 0; n < 100; n++) await post(db, `many${n}`, { priority: 0, count: 10, ms: 2 });
  await post(db, "few", { priority: 0, count: 5, ms: 2, osUser: "eve" });
  await db.sql`update pdoflow.route set poster = 'eve' where poster_os = 'eve'`;
  expect((await cli.run(...pool, "--once", "--oldest-every", "0")).code).toBe(0);
  const order = journal(cli);
  expect(order).toHaveLength(1_005);
  expect(order.lastIndexOf("few 4")).toBeLessThan(500);
});
