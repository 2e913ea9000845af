import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { alone } from "../src/server/lock.ts";

const root = join(import.meta.dir, "..");

let built: Promise<string> | undefined;

/**
 * The path of the compiled `pdoflow`, built first when a source is newer. Any number of test
 * processes may ask at once: they take turns, and the later ones find it built.
 */
export const binary = (): Promise<string> => (built ??= build());

async function build(): Promise<string> {
  mkdirSync(join(root, "dist"), { recursive: true });
  return await alone(join(root, "dist/.build.lock"), async () => {
    const command = [process.execPath, join(root, "build.ts"), "--if-changed"];
    const child = Bun.spawn(command, { cwd: root, stdout: "pipe", stderr: "pipe" });
    const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
    if (code === 0) return join(root, "dist/pdoflow");
    throw new Error(`dist/pdoflow should have been built (npm run build), and was not:\n${said}`);
  });
}
