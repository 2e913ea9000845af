import type { Counts } from "../../src/domain/capabilities.ts";
import { Ledger, type Share } from "../../src/domain/ledger.ts";
import { openClasses, Patience } from "../../src/domain/overtaking.ts";

/** A job that was posted at time 0, in the order of the list. */
export interface MixedJob {
  cpus: number;
  gpus: number;
  durationMs: number;
}

/** How a simulated machine was used. */
export interface MixResult {
  /** The start of each job, in ms. */
  startsMs: number[];
  makespanMs: number;
  /** The share of the least possible makespan, that of the scarcest resource when always in use. */
  occupancy: number;
}

const machine = { cpus: 64, gpus: 4 };

/** Numbers from 0 to below 1 that are the same in each run. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** Jobs of 1, 4 or 16 cpus and 0 to 2 gpus, whose durations come from `durationMs`. */
export const mixOf = (
  count: number,
  random: () => number,
  durationMs: (random: () => number) => number,
): MixedJob[] =>
  Array.from({ length: count }, () => ({
    cpus: [1, 4, 16][Math.floor(random() * 3)] ?? 1,
    gpus: Math.floor(random() * 3),
    durationMs: durationMs(random),
  }));

interface Queue {
  key: string;
  counts: Counts;
  /** Numbers of jobs, and the position of the first one that has not started. */
  jobs: number[];
  next: number;
}

/**
 * Runs the jobs on 64 cpus and 4 gpus: with `overtakes` as a pool starts them, else first in, first
 * out.
 */
export function runMix(jobs: readonly MixedJob[], overtakes: boolean): MixResult {
  const queues = new Map<string, Queue>();
  for (const [i, { cpus, gpus }] of jobs.entries()) {
    const counts: Counts = gpus > 0 ? { cpus, gpu: gpus } : { cpus };
    const key = JSON.stringify(counts);
    const queue = queues.get(key) ?? { key, counts, jobs: [], next: 0 };
    queue.jobs.push(i);
    queues.set(key, queue);
  }
  const devices = Array.from({ length: machine.gpus }, (_, i) => String(i));
  const ledger = Ledger.of({ cpus: machine.cpus, gpu: devices });
  const patience = new Patience();
  const startsMs = jobs.map(() => -1);
  const running: { endMs: number; share: Share }[] = [];
  let now = 0;
  const first = ({ jobs: own, next }: Queue) => own[next] ?? Infinity;
  const startNext = (): boolean => {
    const waiting = [...queues.values()]
      .filter((queue) => first(queue) < Infinity)
      .sort((a, b) => first(a) - first(b))
      .map((queue) => ({ ...queue, waitedMs: now, queue }));
    const considered = overtakes ? waiting : waiting.slice(0, 1);
    const open = openClasses(considered, ledger, 1, (each) => patience.isOver(each, now));
    const queue = open.find(({ fits }) => fits > 0)?.jobs.queue;
    const share = queue && ledger.take(queue.counts);
    if (!queue || !share) return false;
    const number = first(queue);
    startsMs[number] = now;
    running.push({ endMs: now + (jobs[number]?.durationMs ?? 0), share });
    queue.next++;
    patience.started(queue.key);
    return true;
  };
  for (;;) {
    while (startNext());
    running.sort((a, b) => a.endMs - b.endMs);
    const ended = running.shift();
    if (!ended) break;
    now = ended.endMs;
    ledger.give(ended.share);
  }
  const work = (of: (job: MixedJob) => number) =>
    jobs.reduce((sum, job) => sum + of(job) * job.durationMs, 0);
  const least = Math.max(
    work(({ cpus }) => cpus) / machine.cpus,
    work(({ gpus }) => gpus) / machine.gpus,
  );
  return { startsMs, makespanMs: now, occupancy: least / now };
}

/**
 * The latest start of a large job, in multiples of its start if all jobs start in their order. That
 * is at least the longest duration, because a job that comes first also waits for running ones.
 */
export function latestStart(
  jobs: readonly MixedJob[],
  mixed: MixResult,
  inOrder: MixResult,
): number {
  const longestMs = Math.max(...jobs.map(({ durationMs }) => durationMs));
  const ratios = jobs.flatMap(({ cpus, gpus }, i) =>
    cpus === 16 || gpus === 2
      ? [(mixed.startsMs[i] ?? 0) / Math.max(inOrder.startsMs[i] ?? 0, longestMs)]
      : [],
  );
  return Math.max(...ratios);
}
