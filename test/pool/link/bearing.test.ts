import { expect, test } from "bun:test";

import { Bearing } from "../../../src/pool/link/bearing.ts";

const at = (timeline: string, system = "1") => ({ system, timeline });

test("connections move to a newer server together, once, and never back to an older one", () => {
  const log: string[] = [];
  const bearing = new Bearing(() => log.push("moved"));
  const [a, b] = ["a", "b"].map((name) => ({ leave: () => void log.push(`${name} leaves`) }));
  if (!a || !b) throw new Error("expected two");
  bearing.add(a);
  bearing.add(b);
  bearing.arrive(at("00000001"), a);
  bearing.arrive(at("00000001"), b);
  bearing.arrive(null, b); // a server that hides what it is
  expect(log).toEqual([]);
  bearing.arrive(at("00000002"), a);
  bearing.arrive(at("00000002"), b);
  expect(log).toEqual(["b leaves", "moved"]);
  expect(() => bearing.arrive(at("00000001"), b)).toThrow("is on timeline 1");
  bearing.arrive(at("00000001", "2"), b);
  expect(log).toEqual(["b leaves", "moved", "a leaves", "moved"]);
});
