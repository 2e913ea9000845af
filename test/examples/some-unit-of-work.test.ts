import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";

import { some_unit_of_work } from "../../examples/some-unit-of-work.ts";
import args from "../../examples/args.json" with { type: "json" };
import { makeTree } from "./tree.ts";

test("it writes the product with six digits, and returns the same text", () => {
  using tree = makeTree({});
  expect(some_unit_of_work(1, 2.0, tree.at("just_twos.txt"))).toBe("2.000000");
  expect(readFileSync(tree.at("just_twos.txt"), "utf8")).toBe("2.000000");
});

test("it makes the folders on the way", () => {
  using tree = makeTree({});
  some_unit_of_work(10, -100, tree.at("deep/er/big_numbers.txt"));
  expect(readFileSync(tree.at("deep/er/big_numbers.txt"), "utf8")).toBe("-1000.000000");
});

test("run again it writes the same and leaves nothing else behind", () => {
  using tree = makeTree({});
  some_unit_of_work(1, 2, tree.at("twice.txt"));
  some_unit_of_work(1, 2, tree.at("twice.txt"));
  expect(readdirSync(tree.folder)).toEqual(["twice.txt"]);
});

test("args.json holds jobs of a number, a number and a file below examples/out", () => {
  expect(args.length).toBeGreaterThan(0);
  for (const [a, b, path] of args) {
    expect([typeof a, typeof b]).toEqual(["number", "number"]);
    expect(String(path)).toStartWith("examples/out/");
  }
});
