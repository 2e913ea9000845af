import { expect, test } from "bun:test";
import { join } from "node:path";

import { SharedPage } from "../../../src/pool/wire/shared-page.ts";

test("positions are taken in order, up to the size of the chunk", () => {
  const page = SharedPage.create().page;
  page.load(0, 7, 3);
  expect([1, 2, 3, 4].map(() => page.take(0, 7))).toEqual([0, 1, 2, -1]);
});

test("withdrawn jobs are not started, and started jobs are not withdrawn", () => {
  const page = SharedPage.create().page;
  page.load(1, 0, 10);
  page.take(1, 0);
  expect(page.unstarted(1)).toBe(9);
  expect(page.withdraw(1, 4)).toEqual({ from: 6, to: 10 });
  expect(page.withdraw(1, Infinity)).toEqual({ from: 1, to: 6 });
  expect(page.withdraw(1, Infinity)).toEqual({ from: 1, to: 1 });
  expect(page.take(1, 0)).toBe(-1);
});

test("a worker that asks for an older chunk gets nothing of the one loaded since (S2)", () => {
  const page = SharedPage.create().page;
  page.load(0, 3, 5);
  page.load(0, 4, 5);
  expect(page.take(0, 3)).toBe(-1);
  expect(page.take(0, 4)).toBe(0);
});

test("several jobs may have ended if all of them were started and none of them runs", () => {
  const { page } = SharedPage.create();
  page.load(0, 7, 9);
  for (let i = 0; i < 5; i++) page.run(7, page.take(0, 7));
  const mayHaveEnded = (position: number, count: number) =>
    page.mayHaveEnded(0, 7, position, count);
  expect([mayHaveEnded(0, 4), mayHaveEnded(1, 3)]).toEqual([true, true]);
  expect([mayHaveEnded(0, 5), mayHaveEnded(4, 1), mayHaveEnded(3, 3)]).toEqual([
    false,
    false,
    false,
  ]);
  page.rest();
  expect([mayHaveEnded(0, 5), mayHaveEnded(0, 6)]).toEqual([true, false]);
  expect(page.mayHaveEnded(0, 8, 0, 1)).toBe(false);
});

test("chunk numbers beyond 8 bits and sizes up to 4095 work", () => {
  const page = SharedPage.create().page;
  page.load(0, 1_000_255, 4095);
  for (let i = 0; i < 4095; i++) expect(page.take(0, 1_000_255)).toBe(i);
  expect(page.take(0, 1_000_255)).toBe(-1);
  expect(() => page.load(0, 0, 4096)).toThrow("too large");
});

test("the running job is seen until the worker rests", () => {
  const { page: pool, file } = SharedPage.create();
  const worker = SharedPage.inherited(file);
  expect(pool.running()).toBeNull();
  worker.run(12, 34);
  expect(pool.running()).toEqual({ chunk: 12, position: 34 });
  worker.rest();
  expect(pool.running()).toBeNull();
});

test("between two processes, each position is started or recalled, never both (S1)", async () => {
  const { page, file } = SharedPage.create();
  const rounds = 100;
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../../fixtures/take-positions.ts"), `${rounds}`],
    { stdio: ["ignore", "pipe", "inherit", file] },
  );
  while (page.running() === null) await Bun.sleep(1); // the child says that it is there
  const recalled: number[] = [];
  for (let round = 0; round < rounds; round++) {
    page.load(0, round, 4000);
    while (page.unstarted(0) === 4000); // until the child has begun
    while (page.unstarted(0) > 0) {
      const { from, to } = page.withdraw(0, 3);
      for (let position = from; position < to; position++) recalled.push(round * 4000 + position);
    }
  }
  page.load(1, 0, 1); // makes the child end
  const taken = (await child.stdout.text()).split("\n").filter(Boolean).map(Number);
  expect(taken.length).toBeGreaterThan(0);
  expect(recalled.length).toBeGreaterThan(0);
  expect([...taken, ...recalled].sort((a, b) => a - b)).toEqual(
    Array.from({ length: rounds * 4000 }, (_, i) => i),
  );
});
