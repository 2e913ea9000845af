import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { alone } from "../src/server/lock.ts";

const dist = join(import.meta.dir, "../dist");

/**
 * Whether the files are there; as root on Debian, installs the packages first if they are not.
 * Test files may ask at once: they take turns, as apt-get has to.
 *
 * @throws {Error} the installation failed: tests that were skipped for that would look passed.
 */
export async function hasDebian(packages: readonly string[], files: readonly string[]) {
  const has = () => files.every((path) => existsSync(path));
  if (has() || process.getuid?.() !== 0 || Bun.which("apt-get") === null) return has();
  mkdirSync(dist, { recursive: true });
  await alone(join(dist, ".apt.lock"), async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: string[]) => Bun.spawn(["apt-get", "-qq", ...args], { env }).exited;
    await apt("update"); // if that fails, older lists may do
    const code = await apt("install", "-y", "--no-install-recommends", ...packages);
    const missing = files.filter((path) => !existsSync(path));
    if (code === 0 && missing.length === 0) return;
    const reason = code === 0 ? `there is no ${missing.join(", ")}` : `it exited with ${code}`;
    throw new Error(`expected apt-get to install ${packages.join(" ")}, but ${reason}`);
  });
  return true;
}
