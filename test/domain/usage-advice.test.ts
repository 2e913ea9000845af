import { expect, test } from "bun:test";

import { formatNeed, parseNeeds } from "../../src/domain/capabilities.ts";
import {
  askedIn,
  coresOf,
  quantileOf,
  suggestedNeeds,
  totalUsage,
} from "../../src/domain/usage-advice.ts";

test.each([
  ["gpu,model=a100", { cpus: 1, memBytes: null }],
  ["gpu,mem=1G,cpus=4", { cpus: 4, memBytes: 2 ** 30 }],
  ["cpus>=8,mem>=1G", { cpus: 1, memBytes: null }],
  ["cpus>=8,cpus=2,mem>=4G,mem=1G", { cpus: 2, memBytes: 2 ** 30 }],
])("jobs that need %s ask for what they take, and for a cpu at least: %p", (needs, expected) => {
  expect(askedIn(parseNeeds(needs))).toEqual(expected);
});

test("jobs without needs ask for a cpu", () => {
  expect(askedIn([])).toEqual({ cpus: 1, memBytes: null });
});

test("the cores that attempts used are their CPU time by their time", () => {
  const used = { measuredMs: 1_000, cpuUserMs: 1_400, cpuSystemMs: 100 };
  expect(coresOf(used)).toBe(1.5);
  expect(coresOf({ ...used, cpuUserMs: null })).toBeNull();
  expect(coresOf({ ...used, measuredMs: 0 })).toBeNull();
});

test("a quantile is the smallest value that enough of the weight does not exceed", () => {
  const steps = [
    { upTo: 1, weight: 95 },
    { upTo: 3, weight: 4 },
    { upTo: 9, weight: 1 },
  ];
  expect([0.5, 0.95, 0.96, 1].map((share) => quantileOf(steps, share))).toEqual([1, 1, 3, 9]);
  expect(quantileOf([], 0.5)).toBeNull();
});

const mega = 2 ** 20;

test.each([
  // A little more than a core is one cpu; 100M and a fifth is 120M, rounded up.
  [1.3, 100 * mega, [1, 128 * mega]],
  [1.4, 1_000 * mega, [2, 1_280 * mega]],
  [0.1, 1_000, [1, 16 * mega]],
  [7.9, 50_000 * mega, [8, 65_536 * mega]],
])("of %p cores and %p bytes follow the needs %p", (cores, peakBytes, [cpus, mem]) => {
  expect(suggestedNeeds({ peakBytes }, [{ upTo: cores, weight: 1 }], [])).toEqual([
    ["cpus", "=", cpus ?? 0],
    ["mem", "=", mem ?? 0],
  ]);
});

test("nothing is suggested if something was not measured", () => {
  expect(suggestedNeeds({ peakBytes: null }, [{ upTo: 1, weight: 1 }], [])).toBeNull();
  expect(suggestedNeeds({ peakBytes: 1 }, [], [])).toBeNull();
});

test.each([
  [0.1, "cpus=0.5,gpu=1", "cpus=0.5,mem=128M,gpu=1"],
  [0.7, "cpus=0.5", "cpus=1,mem=128M"], // more than it asked for
  [1.3, "cpus=1,licence/x=2", "cpus=1,mem=128M,licence/x=2"],
  [2.2, "cpus=2.5", "cpus=2,mem=128M"],
  [2.6, "cpus=2.5", "cpus=2.5,mem=128M"],
  [0.1, "cpus>=8,mem=4G,mem>=16G,model=a100", "cpus=1,mem=128M,cpus>=8,mem>=16G,model=a100"],
  [0.1, "commands,disk", "cpus=1,mem=128M,disk"],
])("of %p cores, jobs that asked for %s are suggested %s", (cores, asked, suggested) => {
  const used = { peakBytes: 100 * mega };
  const needs = suggestedNeeds(used, [{ upTo: cores, weight: 1 }], parseNeeds(asked));
  expect(needs?.map(formatNeed).join(",")).toBe(suggested);
});

test("the total of postings adds up what was measured, and weighs the cpus that they asked for", () => {
  const row = {
    ...{ attempts: 2, measured: 1, measuredMs: 1_000, wallMs: 2_000, cpuUserMs: 900 },
    ...{ cpuSystemMs: 100, peakBytes: 5, readBytes: 10, writtenBytes: null },
  };
  const other = { ...row, measuredMs: 3_000, peakBytes: 9, readBytes: null };
  const unknown = { ...row, measured: 0, measuredMs: 0, cpuUserMs: null, cpuSystemMs: null };
  const total = totalUsage([
    { ...row, needs: [] },
    { ...other, needs: [["cpus", "=", 3]] },
    { ...unknown, peakBytes: null, needs: [["cpus", "=", 100]] },
  ]);
  expect(total).toEqual({
    ...{ attempts: 6, measured: 2, measuredMs: 4_000, wallMs: 6_000, cpuUserMs: 1_800 },
    ...{ cpuSystemMs: 200, peakBytes: 9, readBytes: 20, writtenBytes: null },
    ...{ coresUsed: 0.5, efficiency: 0.2 },
  });
});
