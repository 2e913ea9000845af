import { expect, test } from "bun:test";
import { join } from "node:path";

const seed = 7;

// The harness reads /proc to find workers and what was left behind.
test.skipIf(process.platform !== "linux")(
  `whatever is killed, stopped or cut off, each job ends once and nothing is left (seed ${seed})`,
  async () => {
    const command = [process.execPath, join(import.meta.dir, "chaos.ts"), "--seed", String(seed)];
    const child = Bun.spawn([...command, "--minutes", "0.33"], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect(`${err}\n${out}`).toEndWith(`\nseed ${seed}: ok\n`);
    expect(child.exitCode).toBe(0);
  },
  180_000,
);
