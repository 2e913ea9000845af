import { expect, test } from "bun:test";
import { array, assert, integer, property } from "fast-check";

import { Gaps } from "../../../src/db/read/gaps.ts";

test("the rest is everything that was not taken out, in pieces of the requested size", () => {
  const number = integer({ min: -2, max: 42 });
  assert(
    property(array(number), number, number, integer({ min: 1, max: 50 }), (...given) => {
      const [taken, from, end, most] = given;
      const gaps = new Gaps(40);
      for (const each of taken) gaps.remove(each);
      const left = Array.from({ length: 40 }, (_, i) => i).filter((i) => !taken.includes(i));
      const pieces = gaps.within(from, end, most);
      const numbers = pieces.flatMap((piece) =>
        Array.from({ length: piece.end - piece.first }, (_, i) => piece.first + i),
      );
      expect(numbers).toEqual(left.filter((i) => from <= i && i < end).slice(0, most));
      expect(gaps.isEmpty).toBe(left.length === 0);
    }),
  );
});

test("without numbers there are no gaps", () => {
  expect(new Gaps(0).isEmpty).toBe(true);
  expect(new Gaps(0).within(0, 10, 10)).toEqual([]);
});
