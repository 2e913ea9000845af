import { expect } from "bun:test";
import { join } from "node:path";

/** Runs the harness with this seed, over TCP with TLS if wanted, which ends with "ok" or with the faults that it found. */
export async function runChaos(seed: number, minutes: number, isTls = false): Promise<void> {
  const command = [process.execPath, join(import.meta.dir, "chaos.ts"), "--seed", String(seed)];
  const flags = ["--minutes", String(minutes), ...(isTls ? ["--tls"] : [])];
  const child = Bun.spawn([...command, ...flags], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(`${err}\n${out}`).toEndWith(`\nseed ${seed}: ok\n`);
  expect(child.exitCode).toBe(0);
}
