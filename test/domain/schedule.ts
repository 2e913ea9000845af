import {
  chunkSize,
  claimShare,
  claimSize,
  type JobTime,
  measured,
  surplus,
} from "../../src/domain/chunk-size.ts";

/** What became of a simulated posting; times in milliseconds. */
export interface Schedule {
  makespanMs: number;
  claims: number;
  /** The longest that a worker had nothing to do while another of its pool had unstarted jobs. */
  longestUnfairMs: number;
}

const claimLatencyMs = 5;
const watchEveryMs = 50;

interface Worker {
  /** Durations of the jobs that it was handed and has not started. */
  queue: number[];
  isBusy: boolean;
  idleSince: number;
}

interface Pool {
  workers: Worker[];
  backlog: number[];
  time: JobTime | null;
  isClaiming: boolean;
}

const isIdle = (worker: Worker) => !worker.isBusy && worker.queue.length === 0;

/**
 * Runs jobs of these durations, in this order, through `pools` pools of `workersEach` workers that
 * size claims and chunks as the real ones do, with a claim that takes 5 ms.
 */
export const simulate = (durations: readonly number[], pools: number, workersEach: number) =>
  new Simulation(durations, pools, workersEach).run();

class Simulation {
  readonly #waiting: number[];
  readonly #workersEach: number;
  readonly #pools: Pool[];
  readonly #events: { at: number; run: (now: number) => void }[] = [];
  readonly #schedule: Schedule = { makespanMs: 0, claims: 0, longestUnfairMs: 0 };

  constructor(durations: readonly number[], pools: number, workersEach: number) {
    this.#waiting = [...durations];
    this.#workersEach = workersEach;
    this.#pools = Array.from({ length: pools }, () => ({
      workers: Array.from({ length: workersEach }, () => ({
        ...{ queue: [], isBusy: false, idleSince: 0 },
      })),
      ...{ backlog: [], time: null, isClaiming: false },
    }));
  }

  run(): Schedule {
    for (const pool of this.#pools) {
      this.#claim(pool, 0);
      this.#at(watchEveryMs, (now) => this.#watch(pool, now));
    }
    for (let event = this.#events.shift(); event; event = this.#events.shift()) {
      event.run(event.at);
    }
    return this.#schedule;
  }

  #at(when: number, run: (now: number) => void): void {
    let i = this.#events.length;
    while (i > 0 && (this.#events[i - 1]?.at ?? 0) > when) i--;
    this.#events.splice(i, 0, { at: when, run });
  }

  #startNext(pool: Pool, worker: Worker, now: number): void {
    const duration = worker.queue.shift();
    worker.isBusy = duration !== undefined;
    if (duration === undefined) {
      worker.idleSince = now;
      return;
    }
    this.#at(now + duration, (end) => {
      pool.time = measured(pool.time, duration);
      this.#schedule.makespanMs = Math.max(this.#schedule.makespanMs, end);
      this.#startNext(pool, worker, end);
      this.#fill(pool, end);
      this.#claim(pool, end);
    });
  }

  #fill(pool: Pool, now: number): void {
    for (const worker of pool.workers.filter(isIdle)) {
      const size = chunkSize(pool.time, pool.backlog.length, this.#workersEach);
      worker.queue.push(...pool.backlog.splice(0, size));
      this.#startNext(pool, worker, now);
    }
  }

  #claim(pool: Pool, now: number): void {
    const { cap, floor } = claimSize(pool.time, {
      backlog: pool.backlog.length,
      idle: pool.workers.filter(isIdle).length,
      workers: this.#workersEach,
    });
    if (pool.isClaiming || cap === 0 || this.#waiting.length === 0) return;
    pool.isClaiming = true;
    this.#at(now + claimLatencyMs, (then) => {
      const share = claimShare(this.#workersEach, this.#pools.length * this.#workersEach);
      const left = this.#waiting.length;
      const size = Math.min(left, cap, Math.max(floor, Math.ceil(left * share), 1));
      pool.backlog.push(...this.#waiting.splice(0, size));
      this.#schedule.claims++;
      pool.isClaiming = false;
      this.#fill(pool, then);
      this.#claim(pool, then);
    });
  }

  /** Every 50 ms: releases surplus jobs, and distributes jobs within the pool. */
  #watch(pool: Pool, now: number): void {
    const isOver = this.#pools.every((p) => p.backlog.length === 0 && p.workers.every(isIdle));
    if (isOver && this.#waiting.length === 0) return;
    this.#at(now + watchEveryMs, (then) => this.#watch(pool, then));
    const back = surplus(pool.time, pool.backlog.length, this.#workersEach);
    if (back > 0) this.#waiting.unshift(...pool.backlog.splice(pool.backlog.length - back));
    this.#claim(pool, now);
    const fullest = pool.workers.toSorted((a, b) => b.queue.length - a.queue.length)[0];
    const idle = pool.workers.filter(isIdle);
    if (!fullest || fullest.queue.length === 0 || idle.length === 0) return;
    if (pool.backlog.length > 0) return;
    const longest = Math.max(...idle.map(({ idleSince }) => now - idleSince));
    this.#schedule.longestUnfairMs = Math.max(this.#schedule.longestUnfairMs, longest);
    const half = Math.ceil(fullest.queue.length / 2);
    pool.backlog.push(...fullest.queue.splice(fullest.queue.length - half));
    this.#fill(pool, now);
  }
}

/** The makespan if each job, in this order, went to the worker that is free first, at no cost. */
export function listSchedule(durations: readonly number[], workers: number): number {
  const freeAt = Array.from({ length: workers }, () => 0);
  for (const duration of durations) {
    const first = freeAt.indexOf(Math.min(...freeAt));
    freeAt[first] = (freeAt[first] ?? 0) + duration;
  }
  return Math.max(...freeAt);
}
