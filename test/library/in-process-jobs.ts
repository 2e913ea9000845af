// Jobs that the tests of the in-process pool run, and what these see of them.
import { setTimeout as sleep } from "node:timers/promises";

import { currentJob, FatalError, job, postWork } from "../../src/index.ts";

export const seen = { now: 0, most: 0, aborted: [] as string[], attempts: 0 };
export const gate = { open: () => {}, opened: Promise.resolve() };

/** From now on jobs wait at the gate. */
export function closeGate(): void {
  gate.opened = new Promise((resolve) => (gate.open = resolve));
}

export const crowd = job(async (n: number) => {
  seen.most = Math.max(seen.most, ++seen.now);
  await sleep(100); // so that all that may run together do
  seen.now--;
  return { n, pid: process.pid };
});

export const quick = job((n: number) => n * 2);

/** Posts others, and fails at its first attempt. */
export const spawns = job(async (numbers: readonly number[]) => {
  const id = await currentJob()?.post(
    quick,
    numbers.map((n) => [n] as const),
    { name: "spawned" },
  );
  if (++seen.attempts === 1) throw new Error("once more");
  return id;
});

export const waits = job(async (n: number) => {
  currentJob()?.progress(0.5, `job ${n}`);
  seen.now++;
  await gate.opened;
  seen.now--;
  return n;
});

export const listens = job(async (how: string) => {
  const me = currentJob();
  me?.log("listening", how);
  seen.now++;
  await new Promise((resolve) => me?.signal.addEventListener("abort", resolve));
  seen.now--;
  if (me?.signal.reason instanceof Error) seen.aborted.push(me.signal.reason.name);
  if (how === "deaf") await new Promise(() => {});
  throw new Error("stopped");
});

export const fails = job((how: string) => {
  seen.attempts++;
  currentJob()?.log("attempt", currentJob()?.attempt, "of", currentJob()?.id);
  throw how === "fatal" ? new FatalError("never") : new Error(how);
});

export const posts = job(async (n: number): Promise<number> => {
  const posting =
    n > 0 ? await postWork(posts, [[n - 1]], [], { root: import.meta.dirname }) : null;
  return posting?.id ?? 0;
});

/** The number of results of its upstream, and their sum times a factor. */
export const total = job(async (factor: number) => {
  let [count, sum] = [0, 0];
  const { upstream } = currentJob() ?? outside();
  for await (const { result } of upstream.results<number | { sum: number }>()) {
    count++;
    sum += factor * (typeof result === "object" ? result.sum : (result ?? 0));
  }
  return { count, sum };
});

/** The failed jobs of its upstream. */
export const count = job(async () => {
  const { upstream } = currentJob() ?? outside();
  const errors: (string | undefined)[] = [];
  for await (const { error } of upstream.results()) errors.push(error?.name);
  return { failed: upstream.failed, errors };
});

function outside(): never {
  throw new Error("expected a job");
}

export const scaled = job((n: number, by: bigint, text: string) => ({
  product: BigInt(n) * by,
  text,
}));

/** The devices that it has taken, and how many such jobs ran at the same time. */
export const takes = job(async () => {
  seen.most = Math.max(seen.most, ++seen.now);
  await sleep(20);
  seen.now--;
  return currentJob()?.resources;
});
