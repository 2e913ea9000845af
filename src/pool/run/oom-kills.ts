import { cgroupFiles } from "../machine/cgroup.ts";
import { systemText } from "../machine/system-files.ts";

/** How certain it is that the kernel killed one of our processes because memory ran out. */
export type OomCertainty = "certain" | "probable";

/** A file in which the kernel counts the processes that it killed because memory ran out. */
export interface OomCounter {
  path: string;
  /** It counts for the whole machine, so also the processes of others. */
  isShared: boolean;
}

/** A kill explains the exit of a worker for this long. */
const explainsForMs = 5_000;
const pollEveryMs = 1_000;

/**
 * Distinguishes a SIGKILL of the kernel, out of memory, from any other. The signal itself does not
 * reveal its sender, so this uses the kernel's counters. The kernel counts before it kills.
 */
export class OomKills implements Disposable {
  #counter: OomCounter | null = null;
  readonly #pollTimer: Timer;
  #counted = 0;
  /** Kills that explain no death so far, and the time of the last one. */
  #open = 0;
  #seenAt = 0;

  /** Uses the first existing one of `counters`; without any, the cause stays unknown. */
  constructor(counters: readonly OomCounter[] = oomCounters()) {
    this.#use(counters);
    // Also if no worker has exited: a child of a job may have been killed.
    this.#pollTimer = setInterval(() => this.poll(performance.now()), pollEveryMs);
    this.#pollTimer.unref();
  }

  /** This process is in another cgroup: counts there. */
  moved(counters: readonly OomCounter[] = oomCounters()): void {
    this.#use(counters);
  }

  #use(counters: readonly OomCounter[]): void {
    this.#counter = counters.find(({ path }) => countIn(path) !== null) ?? null;
    this.#counted = this.#count();
  }

  /**
   * Whether the kernel killed a worker that has just died of SIGKILL; each kill explains one death.
   * `now` is of the performance clock.
   */
  explain(now: number): OomCertainty | null {
    this.poll(now);
    if (!this.#counter || this.#open === 0 || now - this.#seenAt > explainsForMs) return null;
    this.#open--;
    return this.#counter.isShared ? "probable" : "certain";
  }

  /** Finds new kills, because an old kill does not explain a new death. */
  poll(now: number): void {
    const count = this.#count();
    if (count > this.#counted) {
      const isRecent = now - this.#seenAt <= explainsForMs;
      this.#open = (isRecent ? this.#open : 0) + count - this.#counted;
      this.#seenAt = now;
    }
    this.#counted = count;
  }

  #count(): number {
    return this.#counter === null ? 0 : (countIn(this.#counter.path) ?? this.#counted);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#pollTimer);
  }
}

/**
 * The counters of the kernel, best first: of our own cgroup or the one around it that has a counter
 * (`cgroups` is the content of /proc/self/cgroup), else of the machine.
 */
export function oomCounters(cgroups = systemText("/proc/self/cgroup")): OomCounter[] {
  const paths = cgroupFiles(cgroups, "memory", {
    v2: ["memory.events.local", "memory.events"], // the latter counts the groups below, too
    v1: "memory.oom_control",
  });
  const own = paths.map((path) => ({ path, isShared: false }));
  return [...own, { path: "/proc/vmstat", isShared: true }];
}

function countIn(path: string): number | null {
  const [, count] = /^oom_kill (\d+)$/m.exec(systemText(path)) ?? [];
  return count === undefined ? null : Number(count);
}
