import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A program in the place of `pdoflow`, in a folder of its own. */
export interface Stub extends AsyncDisposable {
  binary: string;
  folder: string;
  /** How it was called, each time: its arguments, and the database of its environment. */
  calls(): Promise<string[]>;
}

/** `script` is its body, in sh, after it has noted how it was called. */
export async function stub(script: string): Promise<Stub> {
  const folder = await mkdtemp(join(tmpdir(), "pdoflow-stub-"));
  const binary = join(folder, "pdoflow");
  const log = join(folder, "calls");
  await Bun.write(binary, `#!/bin/sh\necho "$* $PDOFLOW_DATABASE_URL" >>'${log}'\n${script}\n`);
  await chmod(binary, 0o755);
  return {
    binary,
    folder,
    async calls() {
      const text = await Bun.file(log)
        .text()
        .catch(() => ""); // not called yet
      return text.split("\n").filter((line) => line !== "");
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Runs until SIGTERM, and ends in an orderly way. */
export const obedient = "trap 'exit 0' TERM; while :; do sleep 0.02; done";

export async function until(condition: () => unknown): Promise<void> {
  const deadline = performance.now() + 50_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("did not happen within 50 s");
    await Bun.sleep(5);
  }
}

export function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false; // ESRCH
  }
}
