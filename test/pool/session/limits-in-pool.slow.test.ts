import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

/** Jobs that note when they begin and end, in a file of their own that is only appended to. */
const journal = `
import { appendFileSync } from "node:fs";
export async function note(n: number, ms: number) {
  appendFileSync("journal", "+" + performance.timeOrigin + " " + performance.now() + "\\n");
  await Bun.sleep(ms);
  appendFileSync("journal", "-" + performance.timeOrigin + " " + performance.now() + "\\n");
}`;

interface Event {
  at: number;
  isStart: boolean;
}

/** The entries of the journal, in the order of time (ms since 1970). */
function events(folder: string): Event[] {
  const lines = readFileSync(join(folder, "journal"), "utf8").trim().split("\n");
  return lines
    .map((line) => {
      const [origin, now] = line.slice(1).split(" ");
      return { at: Number(origin) + Number(now), isStart: line.startsWith("+") };
    })
    .sort((a, b) => a.at - b.at);
}

/** The most that ran at the same time. */
function mostAtOnce(all: readonly Event[]): number {
  let running = 0;
  return Math.max(...all.map(({ isStart }) => (running += isStart ? 1 : -1)));
}

/** The most starts within any window of `ms`. */
function mostStarts(all: readonly Event[], ms: number): number {
  const starts = all.filter(({ isStart }) => isStart).map(({ at }) => at);
  return Math.max(
    ...starts.map((from) => starts.filter((at) => at >= from && at < from + ms).length),
  );
}

const jobs = (count: number, ms: number) =>
  JSON.stringify(Array.from({ length: count }, (_, n) => [n, ms]));

test("two pools with 8 workers never run more jobs of a posting than may run", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("j.ts", journal);
  await cli.runWith({ input: jobs(30, 30) }, "post", "j.ts#note", "-", "--max-running", "3");
  const pool = () => cli.run("pool", "--once", "--max-workers", "4");
  await Promise.all([pool(), pool()]);
  const all = events(cli.folder);
  expect(all).toHaveLength(60);
  expect(mostAtOnce(all)).toBe(3);
});

test("two pools never start more jobs of a posting in a second than may start", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("j.ts", journal);
  await cli.runWith({ input: jobs(36, 1) }, "post", "j.ts#note", "-", "--max-rate", "12/s");
  const pool = () => cli.run("pool", "--once", "--max-workers", "4");
  await Promise.all([pool(), pool()]);
  const all = events(cli.folder);
  expect(all).toHaveLength(72);
  expect(mostStarts(all, 1_000)).toBeLessThanOrEqual(12);
  const lost = await db.sql`select max(attempt) as attempt from pdoflow.outcome`;
  expect([...lost]).toEqual([{ attempt: 1 }]); // one that came too late has used up no try
});

test("short jobs with a limit are claimed by the many, and never more run than may", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("j.ts", journal);
  await cli.runWith({ input: jobs(1_500, 0) }, "post", "j.ts#note", "-", "--max-running", "2");
  const pool = () => cli.run("pool", "--once", "--max-workers", "3");
  await Promise.all([pool(), pool()]);
  const all = events(cli.folder);
  expect(all).toHaveLength(3_000);
  expect(mostAtOnce(all)).toBeLessThanOrEqual(2);
  const [row] = await db.sql<{ leases: number }[]>`
    select count(*)::integer as leases from pdoflow.lease`;
  expect(row?.leases).toBeLessThan(500); // one for each pair of jobs are 750
});

test("short jobs with a rate are claimed by the many", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("j.ts", "export const quick = (n: number) => n;");
  await cli.run("post", "j.ts#quick", "--each", "1-2000", "--max-rate", "100000/s");
  const { err } = await cli.run("pool", "--once", "--max-workers", "1");
  expect(err).toContain("2000 done");
  const [row] = await db.sql<{ leases: number }[]>`
    select count(*)::integer as leases from pdoflow.lease`;
  expect(row?.leases).toBeLessThan(1_000);
});

test("a rate that can't be read is refused", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("j.ts", journal);
  const post = await cli.runWith(
    { input: jobs(1, 1) },
    "post",
    "j.ts#note",
    "-",
    "--max-rate",
    "9",
  );
  expect(post).toMatchObject({ code: 2, out: "" });
  expect(post.err).toContain("expected a rate such as 10/s, 100/m or 1000/h, found");
});
