// deploy/systemd: read by systemd's own checks. This machine need not run systemd for them.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary } from "../binary.ts";

const unit = "pdoflow-pool@.service";
const isHere = Bun.which("systemd-analyze") !== null;
if (!isHere) console.error("No tests of the unit: this machine has no systemd-analyze.");

test.if(isHere)("systemd accepts the unit of a pool, and finds it well protected", async () => {
  const program = await binary();
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-systemd-"));
  try {
    const text = readFileSync(join(import.meta.dir, "../../deploy/systemd", unit), "utf8");
    const installed = text.replace("/usr/local/bin/pdoflow", program);
    expect(installed).not.toBe(text);
    const file = join(folder, unit);
    writeFileSync(file, installed);
    const analyze = (...args: string[]) => {
      const run = Bun.spawnSync(["systemd-analyze", ...args, file]);
      return { code: run.exitCode, said: run.stderr.toString() };
    };
    // Unknown settings are warnings: the code is 0, so the text counts.
    expect(analyze("verify", "--man=no")).toEqual({ code: 0, said: "" });
    const protects = analyze("security", "--offline=yes", "--threshold=40", "--no-pager");
    expect(protects).toEqual({ code: 0, said: "" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.if(isHere)("the unit gives a pool more time to end than the pool gives its jobs", () => {
  const text = readFileSync(join(import.meta.dir, "../../deploy/systemd", unit), "utf8");
  const [, grace] = /--grace (\d+)m/.exec(text) ?? [];
  const [, stop] = /^TimeoutStopSec=(\d+)min$/m.exec(text) ?? [];
  expect(Number(stop)).toBeGreaterThan(Number(grace));
});
