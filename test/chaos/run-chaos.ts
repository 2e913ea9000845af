import { expect } from "bun:test";
import { join } from "node:path";

/** Runs the harness with this seed, which ends with "ok" or with the faults that it found. */
export async function runChaos(seed: number, minutes: number): Promise<void> {
  const command = [process.execPath, join(import.meta.dir, "chaos.ts"), "--seed", String(seed)];
  const child = Bun.spawn([...command, "--minutes", String(minutes)], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(`${err}\n${out}`).toEndWith(`\nseed ${seed}: ok\n`);
  expect(child.exitCode).toBe(0);
}
