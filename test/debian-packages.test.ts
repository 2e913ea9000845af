import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.error("Failures of apt-get are not tested: that needs root.");

/** What `hasDebian` does with a program named apt-get that has this exit code; null for none. */
async function withApt(code: number | null) {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-apt-"));
  try {
    if (code !== null) {
      writeFileSync(join(folder, "apt-get"), `#!/bin/sh\nexit ${code}\n`);
      chmodSync(join(folder, "apt-get"), 0o755);
    }
    const script = `
      import { hasDebian } from ${JSON.stringify(join(import.meta.dir, "debian-packages.ts"))};
      console.log(await hasDebian(["none"], ["/nowhere/none"]));`;
    const child = Bun.spawn([process.execPath, "-e", script], {
      ...{ env: { PATH: folder }, stdout: "pipe", stderr: "pipe" },
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { out, err, hasFailed: (await child.exited) !== 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test.if(isRoot)("tests fail if apt-get cannot install what they need, as root", async () => {
  for (const [code, reason] of [
    [100, "it exited with 100"],
    [0, "there is no /nowhere/none"],
  ] as const) {
    const { out, err, hasFailed } = await withApt(code);
    expect({ out, hasFailed }).toEqual({ out: "", hasFailed: true });
    expect(err).toContain(`expected apt-get to install none, but ${reason}`);
  }
});

test("tests are skipped without apt-get", async () => {
  expect(await withApt(null)).toEqual({ out: "false\n", err: "", hasFailed: false });
});
