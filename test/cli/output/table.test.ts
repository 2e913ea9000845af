import { expect, test } from "bun:test";

import { painter, usesColor } from "../../../src/cli/output/color.ts";
import { table } from "../../../src/cli/output/table.ts";

const rows = [
  ["1", "a/very/long/path/to/a/file.ts#name", 12_345],
  ["2", "b.ts#b", 6],
];
const header = ["posting", "entry point", "jobs"];
const onTerminal = (width: number) => ({ width, paint: painter(false) });

test("a pipe gets whole cells and numbers that programs can read", () => {
  expect(table(header, rows)).toBe(
    [
      "posting  entry point                          jobs",
      "1        a/very/long/path/to/a/file.ts#name  12345",
      "2        b.ts#b                                  6",
    ].join("\n"),
  );
});

test("a terminal gets commas, and no line is wider than it is", () => {
  const lines = table(header, rows, onTerminal(40)).split("\n");
  expect(lines.map((line) => line.length).every((length) => length <= 40)).toBe(true);
  expect(lines[1]).toMatch(/^1 +a\/very.*… +12,345$/);
});

test("if a terminal is too narrow for all columns, each row is lines of names and values", () => {
  const wide = ["posting", "entry point", "jobs", "state", "waiting", "failed"];
  const row = (id: string) => [id, "a/very/long/path/to/a/file.ts#name", 12_345, "open", 1, 2];
  const text = table(wide, [row("1"), row("2")], onTerminal(30));
  const [first, second] = text.split("\n\n");
  expect(first?.split("\n")).toEqual([
    "posting      1",
    "entry point  a/very/long/path…",
    "jobs         12,345",
    "state        open",
    "waiting      1",
    "failed       2",
  ]);
  expect(second).toStartWith("posting      2\n");
  // With room for four characters of each text, and for the numbers, it is a table again.
  expect(table(wide, [row("1")], onTerminal(6 * 6)).split("\n")).toHaveLength(2);
  expect(table(wide, [row("1")], onTerminal(6 * 6 - 1)).split("\n")).toHaveLength(6);
});

test("at 80 columns ids, states and numbers are whole, and texts are cut instead", () => {
  const columns = ["posting", "entry point", "state", "jobs", "waiting", "running", "retrying"];
  const entryPoint = "src/reduction/photometry/fit-all-stars.ts#fitAllStars";
  const numbers = [1_000_000, 654_321, 12, 3_456, 123_456, 7_890, 11];
  const text = table(
    [...columns, "done", "failed", "cancelled"],
    [["123456", entryPoint, "errored_out", ...numbers]],
    onTerminal(80),
  );
  const [, line = ""] = text.split("\n");
  expect(line.length).toBeLessThanOrEqual(80);
  expect(line.split(/ +/)).toEqual([
    ...["123456", expect.stringMatching(/^src.*…$/), "errored_out"],
    ...numbers.map((number) => number.toLocaleString("en")),
  ]);
});

test("a cell is one line, whatever it says", () => {
  expect(table(["why"], [["two\nlines\u001b[31m"]])).toBe("why\ntwo lines [31m");
});

test.each([
  ["auto", true, {}, true],
  ["auto", false, {}, false],
  ["auto", true, { NO_COLOR: "1" }, false],
  ["auto", true, { NO_COLOR: "" }, true],
  ["auto", true, { TERM: "dumb" }, false],
  ["always", false, { NO_COLOR: "1" }, true],
  ["never", true, {}, false],
] as const)("--color %s, terminal: %p, %p: %p", (choice, isTerminal, env, expected) => {
  expect(usesColor(choice, isTerminal, env)).toBe(expected);
});

test("a long cell does not make all other rows as long", () => {
  const many = Array.from({ length: 20_000 }, (_, n) => [
    String(n),
    n === 0 ? "x".repeat(1e6) : "h",
    1,
  ]);
  const piped = table(["pool", "host", "workers"], many);
  expect(piped.length).toBeLessThan(1e6 + 20_000 * 330);
  expect(piped).toContain("x".repeat(1e6));
  expect(table(["pool", "host", "workers"], many, onTerminal(80)).length).toBeLessThan(20_001 * 82);
});
