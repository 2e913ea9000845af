import { expect, test } from "bun:test";

import { parseNeeds, parseResources } from "../../src/domain/capabilities.ts";
import { mayServe, type Route } from "../../src/domain/route.ts";

const route = (needs: string | null): Route => ({
  id: 1,
  poster: "lab",
  posterOs: "ann",
  needs: needs === null ? [] : parseNeeds(needs),
  run: "",
  project: "",
});
const provides = parseResources(["gpu", "mem=64G"]);

test("a pool without restrictions runs everybody's jobs whose needs it meets", () => {
  expect(mayServe(route(null), { provides: {}, posters: null })).toBe(true);
  expect(mayServe(route("gpu,mem>=16G"), { provides, posters: null })).toBe(true);
  expect(mayServe(route("gpu,mem>=128G"), { provides, posters: null })).toBe(false);
  expect(mayServe(route("gpu"), { provides: {}, posters: null })).toBe(false);
});

test.each([
  [["lab"], true],
  [["ann"], true],
  [["bob", "ann"], true],
  [["lab/ann"], true],
  [["lab/bob"], false],
  [["bob"], false],
  [[], false],
])("a pool for the posters %p: %p", (posters, expected) => {
  expect(mayServe(route(null), { provides, posters })).toBe(expected);
});

test("the route of a run is served by the pool of that run alone, which serves no other", () => {
  const ofRun = { ...route(null), run: "7c1" };
  const pool = { provides, posters: null };
  expect(mayServe(ofRun, pool)).toBe(false);
  expect(mayServe(ofRun, { ...pool, run: "7c1" })).toBe(true);
  expect(mayServe(ofRun, { ...pool, run: "8d2" })).toBe(false);
  expect(mayServe(route(null), { ...pool, run: "7c1" })).toBe(false);
});

test("a pool serves the routes of its project and of none, or of any project (R4)", () => {
  const scope = { provides: {}, posters: null };
  const of = (project: string) => ({ ...route(null), project });
  expect(mayServe(of("a"), { ...scope, project: "a" })).toBe(true);
  expect(mayServe(of(""), { ...scope, project: "a" })).toBe(true);
  expect(mayServe(of("b"), { ...scope, project: "a" })).toBe(false);
  expect(mayServe(of("b"), { ...scope, project: null })).toBe(true);
});
