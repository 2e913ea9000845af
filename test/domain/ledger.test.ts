import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { countsOf, parseNeeds } from "../../src/domain/capabilities.ts";
import { Ledger, type Share } from "../../src/domain/ledger.ts";

const provides = {
  ...{ cpus: 8, mem: 64 * 2 ** 30, gpu: ["0", "1", "2"], "licence/matlab": 2, model: "a100" },
};

const amountOf = fc.record(
  {
    cpus: fc.constantFrom(0.5, 1, 4, 9),
    mem: fc.constantFrom(1, 2 ** 30, 16 * 2 ** 30, 64 * 2 ** 30),
    gpu: fc.constantFrom(0.0001, 0.1, 0.3333, 0.5, 1, 2, 4),
    "licence/matlab": fc.constantFrom(1, 2),
    gone: fc.constant(1),
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  fc.record({ take: amountOf }),
  fc.record({ give: fc.nat(20) }),
  fc.record({ again: fc.nat(20) }),
);

/** The units of 1/10000 of each device that shares have, and whether one of them has it whole. */
function devicesOf(shares: readonly Share[], name: string): Record<string, number[]> {
  const of: Record<string, number[]> = {};
  for (const { counts, devices } of shares) {
    for (const device of devices[name] ?? []) {
      const units = Math.round(((counts[name] ?? 0) / (devices[name]?.length ?? 1)) * 10_000);
      (of[device] ??= []).push(units);
    }
  }
  return of;
}

test("shares never exceed what there is, a whole device has one owner, and all comes back", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = Ledger.of(provides);
      const taken: Share[] = [];
      const given: Share[] = [];
      for (const each of steps) {
        if ("take" in each) {
          const fits = ledger.fits(each.take);
          const share = ledger.take(each.take);
          expect(share !== null).toBe(fits);
          if (share) taken.push(share);
        } else if ("give" in each) {
          const [share] = taken.splice(each.give % Math.max(taken.length, 1), 1);
          if (!share) continue;
          ledger.give(share);
          given.push(share);
        } else {
          const at = each.again % Math.max(given.length, 1);
          const share = given[at];
          if (share && ledger.takeAgain(share)) taken.push(...given.splice(at, 1));
        }
        for (const name of ["cpus", "mem", "licence/matlab"] as const) {
          const sum = taken.reduce((total, { counts }) => total + (counts[name] ?? 0), 0);
          expect(sum).toBeLessThanOrEqual(provides[name]);
          expect(ledger.free(name)).toBeCloseTo(provides[name] - sum, 6);
        }
        for (const units of Object.values(devicesOf(taken, "gpu"))) {
          const sum = units.reduce((total, one) => total + one, 0);
          expect(sum).toBeLessThanOrEqual(10_000);
        }
      }
      for (const share of taken) ledger.give(share);
      expect(ledger.howMany({ gpu: 1 }, 9)).toBe(3);
      expect(ledger.free("mem")).toBe(provides.mem);
      expect(ledger.free("cpus")).toBe(8);
    }),
    { numRuns: 300, seed: 7 },
  );
});

test("a part of a device lies on one device, and parts fill a device before the next one", () => {
  const ledger = Ledger.of({ gpu: ["0", "1"] });
  const devices = (amount: number) => ledger.take({ gpu: amount })?.devices["gpu"];
  expect([0.5, 0.3, 0.3, 0.5].map(devices)).toEqual([["0"], ["0"], ["1"], ["1"]]);
  expect(devices(1)).toBeUndefined();
  expect(devices(0.2)).toEqual(["0"]);
});

test("three thirds are one device, and amounts of memory are exact", () => {
  const ledger = Ledger.of({ gpu: ["0"], mem: 2 ** 52 });
  expect(ledger.howMany({ gpu: 0.33333 }, 9)).toBe(3);
  expect(ledger.take({ mem: 2 ** 52 - 1 })).not.toBeNull();
  expect([ledger.fits({ mem: 1 }), ledger.fits({ mem: 2 })]).toEqual([true, false]);
});

test("what is set aside is not taken by others", () => {
  const ledger = Ledger.of({ cpus: 4, gpu: ["0", "1"] });
  ledger.take({ gpu: 0.5 });
  ledger.setAside({ cpus: 3, gpu: 2 });
  expect(ledger.fits({ cpus: 1 })).toBe(true);
  expect(ledger.fits({ cpus: 2 })).toBe(false);
  expect(ledger.fits({ gpu: 0.1 })).toBe(false);
});

test("a job takes one cpu unless it says otherwise, and nothing if it counts nothing", () => {
  expect(countsOf(parseNeeds("gpu=1"))).toEqual({ cpus: 1, gpu: 1 });
  expect(countsOf(parseNeeds("gpu=1,cpus=4"))).toEqual({ cpus: 4, gpu: 1 });
  expect(countsOf(parseNeeds("gpu,mem>=16G,model=a100"))).toBeNull();
});
