// With real cgroups.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { JobError } from "../../../src/domain/attempt.ts";
import { Dispatcher } from "../../../src/pool/run/dispatcher.ts";
import { commandEntryPoint } from "../../../src/pool/worker/command-line.ts";
import { leasedRun, posting } from "./leased-runs.ts";

// As root where version 2 is mounted at the usual place: in the root of all cgroups, or alone in one.
const path = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
const cgroups = join("/sys/fs/cgroup", path);
const isAlone = words("cgroup.type").length === 0 || words("cgroup.procs").length === 1;
const canLimit =
  process.getuid?.() === 0 && words("cgroup.controllers").includes("memory") && isAlone;
const limited = test.skipIf(!canLimit);
const unless = canLimit ? "" : " (needs root, and a cgroup of version 2)";

const folder = mkdtempSync(join(tmpdir(), "pdoflow-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function words(file: string): string[] {
  try {
    return readFileSync(join(cgroups, file), "utf8").split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

const groups = () => readdirSync(cgroups).filter((name) => name.startsWith("pdoflow-"));
const ofWorkers = () => groups().filter((name) => !name.endsWith("-pool"));
const G = 2 ** 30;

/** Runs one job whose need mem is `mem`; returns its end, and the cgroups that it saw. */
async function run(entryPoint: string, args: string, mem: number) {
  const ended = Promise.withResolvers<{ error: JobError | string | null; seen: string[] }>();
  const log: string[] = [];
  const nothing = () => {};
  const program = [process.execPath, join(import.meta.dir, "../../../src/main.ts")];
  const dispatcher: Dispatcher = new Dispatcher(
    1,
    {
      ...{ program, root: folder, env: process.env, runsCommands: true },
      ...{ provides: { cpus: 1, mem: 4 * G }, log: (line: string) => void log.push(line) },
    },
    {
      attempts: {
        onEnd: (_job, { isDone, text }) =>
          ended.resolve({ error: isDone ? null : text, seen: ofWorkers() }),
        onDone: () => ended.resolve({ error: null, seen: ofWorkers() }),
        onTerminated: ({ error }) => ended.resolve({ error, seen: ofWorkers() }),
        ...{ onLongJob: nothing, onProgress: nothing, onProfile: nothing },
      },
      supply: {
        ...{ onRoom: nothing, onReturned: nothing, onFreed: nothing, mayStart: () => true },
        ...{ hasPeers: () => false, jobTime: () => null, countsOf: () => ({ cpus: 1, mem }) },
      },
      readResults: () => Promise.reject(new Error("nothing gathers")),
      post: () => Promise.reject(new Error("no job posts")),
      onStartFailed: ({ reason }) => ended.reject(new Error(reason)),
    },
  );
  dispatcher.add([leasedRun(0, 1, { posting: { ...posting(1), entryPoint }, args })]);
  const end = await ended.promise;
  await dispatcher.stop();
  return { ...end, log };
}

writeFileSync(
  join(folder, "a.ts"),
  `export async function grow(mebibytes: number) {
     const kept = [];
     for (let i = 0; i < mebibytes; i += 10) kept.push(new Uint8Array(10 << 20).fill(1));
     return kept.length;
   }`,
);

limited(
  `the kernel kills a job above its need mem, with the reason of the watch${unless}`,
  async () => {
    const { error, log, seen } = await run("a.ts#grow", "[400]", 250 * 2 ** 20);
    expect(error).toEqual({
      name: "OutOfMemory",
      message: "the job used more memory than the 250M of its need mem, and was killed",
    });
    expect(log).toEqual([`the memory of jobs is limited by cgroups in ${cgroups}`]);
    expect(seen.length).toBeLessThanOrEqual(2); // the new worker has one, too
    expect(groups()).toEqual([]);
  },
  300_000,
);

limited(
  `a job below its need runs, and leaves no cgroup behind${unless}`,
  async () => {
    mkdirSync(join(cgroups, "pdoflow-4194304-1-1")); // of a pool that was killed
    const { error, seen } = await run("a.ts#grow", "[100]", G);
    expect([error, seen.length]).toEqual([null, 1]);
    expect(groups()).toEqual([]);
  },
  300_000,
);

limited(
  `a command has its need for itself, beside the worker that waits${unless}`,
  async () => {
    // More than a worker leaves of 64M; `tail` keeps what it may have to print.
    const keeping = (bytes: number) =>
      JSON.stringify([`head -c ${bytes} /dev/zero | tail -c ${bytes} | wc -c`]);
    const mem = 64 * 2 ** 20;
    expect((await run(commandEntryPoint, keeping(40_000_000), mem)).error).toBeNull();
    const above = await run(commandEntryPoint, keeping(120_000_000), mem);
    expect(above.error).toMatchObject({ name: "OutOfMemory" });
  },
  300_000,
);
