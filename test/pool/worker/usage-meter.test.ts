import { expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { UsageMeter } from "../../../src/pool/worker/usage-meter.ts";

function open() {
  const meter = UsageMeter.open();
  if (!meter) throw new Error("expected a system with this C library");
  return {
    commandEnded: (peakBytes: number) => meter.commandEnded(peakBytes),
    spentCpu: () => meter.spentCpu ?? [],
    early: (at: number) => meter.measure(at, 1),
    measure(at: number, durationMs: number) {
      const usage = meter.measure(at, durationMs);
      if (!usage) throw new Error("expected to measure");
      return usage;
    },
  };
}

/** Longer than jobs that are measured together. */
const longMs = 50;

test.skipIf(!existsSync("/proc/self/clear_refs"))(
  "the peak is that since the last measurement",
  () => {
    const meter = open();
    Buffer.alloc(200e6, 1);
    const { peakBytes: large } = meter.measure(1, longMs);
    Bun.gc(true);
    meter.measure(2, longMs);
    const { peakBytes: small } = meter.measure(3, longMs);
    expect(large).toBeGreaterThan(200e6);
    expect(small).toBeLessThan(large - 100e6);
  },
);

test("CPU time is measured every 5 ms, bytes and the peak after 20 ms of it, all after a long job", () => {
  const meter = open();
  expect(meter.measure(30, 1).readBytes).toBeGreaterThan(0);
  expect(meter.early(34)).toBeNull();
  const some = meter.measure(36, 1);
  expect(some).toMatchObject({ peakBytes: NaN, readBytes: NaN, writtenBytes: NaN });
  expect(some.userUs + some.systemUs).toBeGreaterThan(0);
  const [user, system] = meter.spentCpu();
  const used = meter.measure(36.5, longMs);
  expect(used.peakBytes).toBeGreaterThan(1e6);
  const [userAfter, systemAfter] = meter.spentCpu();
  expect([user, system]).toEqual([
    (userAfter ?? 0) - used.userUs,
    (systemAfter ?? 0) - used.systemUs,
  ]);
  expect(meter.measure(500, 1).peakBytes).toBeNaN();
  expect(meter.measure(536.5, 1).peakBytes).toBeGreaterThan(1e6); // after half a second
  const { user: from } = process.cpuUsage();
  while (process.cpuUsage().user - from < 20_000);
  expect(meter.measure(550, 1).peakBytes).toBeGreaterThan(1e6);
});

test("a command that used less memory than its worker is not known, a larger one is", () => {
  const meter = open();
  meter.commandEnded(1_000_000);
  expect(meter.measure(1, longMs).peakBytes).toBeNaN();
  meter.commandEnded(64e9);
  expect(meter.measure(2, longMs).peakBytes).toBe(64e9);
  expect(meter.measure(3, longMs).peakBytes).toBeLessThan(64e9);
});
