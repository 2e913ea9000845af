import { expect, test } from "bun:test";

import { Board } from "../../../src/cli/web/board.ts";

/** A board of a clock that stands still, and of reads that end when the test says so. */
function newBoard() {
  const reads: { key: string; end: PromiseWithResolvers<string> }[] = [];
  const clock = { ms: 0 };
  const board = new Board<string>({
    read: (key) => {
      const end = Promise.withResolvers<string>();
      reads.push({ key, end });
      return end.promise;
    },
    isFinal: (value) => value === "ended",
    now: () => clock.ms,
  });
  const finish = async (value: string | Error, tookMs = 0) => {
    clock.ms += tookMs;
    const last = reads.at(-1);
    if (value instanceof Error) last?.end.reject(value);
    else last?.end.resolve(value);
    await Bun.sleep(0);
  };
  return { board, reads, clock, finish };
}

test("fifty viewers at once, and those of the next two seconds, cause one read", async () => {
  const { board, reads, clock, finish } = newBoard();
  const all = Array.from({ length: 50 }, () => board.get("/"));
  await Bun.sleep(0);
  await finish("first");
  for (const shown of await Promise.all(all)) expect(shown).toMatchObject({ value: "first" });
  clock.ms += 1_999;
  expect(await board.get("/")).toEqual({ value: "first", ageMs: 1_999, error: null });
  expect(reads.length).toBe(1);
  clock.ms += 1;
  const next = board.get("/");
  await Bun.sleep(0);
  await finish("second");
  expect(await next).toEqual({ value: "second", ageMs: 0, error: null });
});

test("a slow read keeps nobody waiting, and is not repeated at once", async () => {
  const { board, reads, clock, finish } = newBoard();
  expect(await board.get("/posting/1")).toEqual({ value: null, ageMs: null, error: null });
  await finish("a", 3_000);
  clock.ms += 29_000; // a tenth of the time at most
  expect(await board.get("/posting/1")).toMatchObject({ value: "a", ageMs: 29_000 });
  expect(reads.length).toBe(1);
  clock.ms += 1_000;
  expect(await board.get("/posting/1")).toMatchObject({ value: "a", ageMs: 30_000 });
  expect(reads.length).toBe(2);
});

test("pages are read one after the other", async () => {
  const { board, reads, finish } = newBoard();
  const both = ["/posting/1", "/posting/2"].map((key) => board.get(key));
  await Bun.sleep(0);
  expect(reads.map(({ key }) => key)).toEqual(["/posting/1"]);
  await finish("one");
  expect(reads.map(({ key }) => key)).toEqual(["/posting/1", "/posting/2"]);
  await finish("two");
  expect((await Promise.all(both)).map(({ value }) => value)).toEqual(["one", "two"]);
});

test("what failed to be read stays as it was, with its age and the reason", async () => {
  const { board, clock, finish } = newBoard();
  const first = board.get("/");
  await Bun.sleep(0);
  await finish("ended");
  expect(await first).toMatchObject({ value: "ended" });
  clock.ms += 60_000; // what has ended is read again once a minute
  const second = board.get("/");
  await Bun.sleep(0);
  const gone = new Error("the database is gone");
  await finish(gone);
  expect(await second).toEqual({ value: "ended", ageMs: 60_000, error: gone });
  clock.ms += 2_000;
  const third = board.get("/");
  await Bun.sleep(0);
  await finish("back");
  expect(await third).toEqual({ value: "back", ageMs: 0, error: null });
});
