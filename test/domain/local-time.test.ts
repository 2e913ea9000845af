import { expect, test } from "bun:test";

import { timeNamed } from "../../src/domain/local-time.ts";

const now = new Date(2026, 10, 29, 17, 30); // in local time

test.each([
  ["18:00", "2026-11-29T18:00"],
  ["02:00", "2026-11-30T02:00"],
  ["2:00", "2026-11-30T02:00"],
  ["17:30", "2026-11-29T17:30"],
  ["today 02:00", "2026-11-29T02:00"],
  ["tomorrow", "2026-11-30T00:00"],
  ["Tomorrow 02:00:30", "2026-11-30T02:00:30"],
  ["2026-12-01", "2026-12-01T00:00"],
  ["2026-12-01 02:00", "2026-12-01T02:00"],
  ["2026-12-01T02:00:00Z", "2026-12-01T02:00:00Z"],
  ["2026-12-01T02:00+01:00", "2026-12-01T02:00+01:00"],
])("%s is %s", (text, expected) => {
  expect(timeNamed(text, now)).toBe(expected);
});

test.each([
  ["+1h", 3_600_000],
  ["+1h30m", 5_400_000],
  ["+2d", 172_800_000],
  ["+0.5s", 500],
])("%s is that much later", (text, ms) => {
  expect(Date.parse(timeNamed(text, now) ?? "") - now.getTime()).toBe(ms);
});

test.each([["soon"], ["25:00"], ["2026-13-01"], ["2026-02-30x"], ["+1"], ["02:00Z"], [""], ["1h"]])(
  "%p is no time",
  (text) => {
    expect(timeNamed(text, now)).toBeNull();
  },
);
