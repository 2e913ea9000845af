import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { JobLines } from "../../src/domain/job-lines.ts";

const line = fc.option(fc.string({ minLength: 1 }).filter((text) => !text.includes("\n")));
const texts = fc.array(line, { minLength: 1, maxLength: 40 });
const joined = (all: readonly (string | null)[]) => all.map((text) => text ?? "").join("\n");
const all = (lines: JobLines | null) =>
  lines && Array.from({ length: lines.count }, (_, i) => lines.at(i));

test("lines are the texts that were joined, also those of a part", () => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat(), (given, a, b) => {
      const lines = JobLines.in(joined(given), given.length);
      expect(all(lines)).toEqual(given);
      const from = a % given.length;
      const to = from + 1 + (b % (given.length - from));
      const part = lines?.slice(from, to) ?? null;
      const expected = given.slice(from, to);
      expect(all(part)).toEqual(expected);
      expect(part?.text).toBe(joined(expected));
      expect(part?.length).toBe(expected.join("").length);
      expect(part?.longest).toBe(Math.max(...expected.map((text) => text?.length ?? 0)));
      expect(all(part?.slice(part.count - 1, part.count) ?? null)).toEqual(expected.slice(-1));
    }),
  );
});

test("a text has lines for exactly the given number of jobs", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 50 }), (given, count) => {
      expect(JobLines.in(joined(given), count) !== null).toBe(count === given.length);
    }),
  );
});

test("as many lines fit as have room, each with a line feed", () => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat(100), (given, a, room) => {
      const from = a % given.length;
      const lengths = given.map((text) => (text?.length ?? 0) + 1);
      let [expected, left] = [0, room];
      for (const length of lengths.slice(from)) {
        left -= length;
        if (left < 0) break;
        expected++;
      }
      expect(JobLines.in(joined(given), given.length)?.fitting(from, room)).toBe(expected);
    }),
  );
});

test("the text of one job is one line, or none", () => {
  expect(all(JobLines.one("[1]"))).toEqual(["[1]"]);
  expect(JobLines.one(null)).toBeNull();
});
