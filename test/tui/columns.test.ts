import { expect, test } from "bun:test";

import type { Snapshot, TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import {
  after,
  busy,
  metrics,
  nowAt,
  posting,
  press,
  readable,
  snapshot,
  terminals,
} from "./scene.ts";

const name = "spectra-2026-night-0412-fit";
const withPostings = (...postings: TopPosting[]): Snapshot => ({ ...busy, postings });
const screen = (columns: number, ...postings: TopPosting[]) =>
  readable(
    after({ columns, rows: 40 }, [snapshot(withPostings(...postings))]),
    terminals.color,
  ).split("\n");
const rowOf = (columns: number, ...postings: TopPosting[]) =>
  screen(columns, ...postings).find((row) => row.startsWith("▸")) ?? "";

test("nothing is cut while it has room", () => {
  const row = rowOf(120, posting(1, { name, entryPoint: "survey.ts#calibrate" }));
  expect(row).toContain(`${name} survey.ts#calibrate `);
  const path = "a/long/path/to/functions.ts#reduceTheWholeCatalogue";
  expect(rowOf(250, posting(1, { name, entryPoint: path }))).toContain(`${name} ${path} `);
});

test("at 80 columns name and entry point share the width, and the end of the entry point stays", () => {
  const row = rowOf(80, posting(1, { name, entryPoint: "pipelines/survey.ts#fit" }));
  expect(row).toMatch(/spectra-20\S*… …\S*ts#fit /);
  expect(rowOf(80, posting(1, { name: "night-fit", entryPoint: "work.ts#fit" }))).toMatch(
    /night-fit +work\.ts#fit /,
  );
});

test("name, percent done and state stay at every width", () => {
  const jobs = { waiting: 580, running: 0, retrying: 0, done: 420, failed: 0, cancelled: 0 };
  for (let columns = 40; columns <= 200; columns += 4) {
    expect(rowOf(columns, posting(1, { name: "night", jobs }))).toMatch(/○ night .* 42% .*waiting/);
  }
});

test("ids are whole at every width", () => {
  const others = ["night.run", name, "x"].map((each) => posting(4177, { name: each }));
  for (let columns = 30; columns <= 200; columns += 2) {
    const waiting = posting(41_765, { name: "x", waits: true, priority: 0 });
    expect(screen(columns, waiting, ...others).join("\n")).toMatch(/^▸ 41765 [^]*^ {3}4177 /m);
  }
});

test("a state is a word and a sign: an open posting runs, waits, starts later or has no pool", () => {
  const running = { waiting: 9, running: 1, retrying: 0, done: 0, failed: 0, cancelled: 0 };
  const row = (more: Partial<TopPosting>) => rowOf(200, posting(1, { name: "x", ...more }));
  expect(row({ jobs: running })).toMatch(/● x .* running /);
  expect(row({})).toMatch(/○ x .* waiting /);
  expect(row({ runAt: new Date("2026-12-31T02:00:00Z") })).toMatch(
    /○ x .* later .* starts 2026-12-31 02:00 UTC/,
  );
  expect(row({ missing: "no pool provides gpu" })).toMatch(
    /○ x .* no pool .* no pool provides gpu/,
  );
  expect(row({ state: "paused", reason: "by hand" })).toMatch(/║ x .* paused .* by hand/);
  expect(row({ state: "errored_out" })).toMatch(/■ x .* stopped /);
});

test("elapsed of a posting that has ended is how long it took", () => {
  const at = (secondsAgo: number) => new Date(nowAt.getTime() - secondsAgo * 1_000);
  const times = { postedAt: at(7_200), endedAt: at(7_200 - 45) };
  expect(rowOf(160, posting(1, { state: "finished", ...times }))).toMatch(/ 45s .*finished/);
  expect(rowOf(160, posting(1, { postedAt: at(7_500) }))).toMatch(/ 2h05m .*waiting/);
});

test("a posting has a curve of its last minute, the newest at the right", () => {
  const jobs = (done: number) => ({
    ...{ waiting: 1000 - done, running: 0, retrying: 0, done, failed: 0, cancelled: 0 },
  });
  // Nothing for 20 s, then a job in each tenth of a second.
  const steps = Array.from({ length: 300 }, (_, i) =>
    snapshot(withPostings(posting(1, { jobs: jobs(Math.max(0, i - 200)) }))),
  );
  const text = readable(after({ columns: 200, rows: 40 }, steps), terminals.color);
  expect(text).toMatch(/▸ .* ▁{3,}▆?█{2,} .*waiting/);
});

test("the order by a column is named, with an arrow apart from its title", () => {
  const model = after({ columns: 120, rows: 40 }, [snapshot(busy), ...press("2", "s", "s")]);
  const text = readable(model, terminals.color);
  expect(text).toContain("host ▼");
  expect(text).toContain("sort: host");
});

test("the last hour has a scale at its left and the time below", () => {
  const events = [snapshot(busy), ...press("4"), { kind: "metrics", metrics } as const];
  const rows = readable(after({ columns: 120, rows: 40 }, events), terminals.color).split("\n");
  expect(rows.filter((row) => /^ +1,100 │/.test(row))).toHaveLength(1);
  expect(rows.filter((row) => /^ +0 └─+$/.test(row))).toHaveLength(1);
  expect(rows.join("\n")).toMatch(/-60m +-45m +-30m +-15m +now/);
});
