// A discrete-event simulation of pools and one server: what their statements would wait for.

/** The measured times of a server, in ms of one core. */
export interface Costs {
  heartbeat: number;
  report: number;
  /** All statements of one housekeeping. */
  house: number;
  /** A claim that finds jobs: while it has the lane of its posting, and the rest. */
  claimLocked: number;
  claim: number;
  /** A claim that finds nothing, with the statements before its pool sleeps. */
  idlePoll: number;
  record: number;
  /** A statement that reads the routes before a claim. */
  routes: number;
  /** Until a commit is on disk; takes no core. */
  flush: number;
}

export interface Scene {
  pools: number;
  cores: number;
  heartbeatMs: number;
  /** Ends of jobs in a second, in all pools: each is recorded, and followed by a claim. */
  jobsPerSecond: number;
  /** The number of housekeepings in a heartbeat's interval. */
  housekeepers: number;
  /** Polls of all waiting pools in a second. */
  pollsPerSecond: number;
  seconds: number;
}

export interface Simulated {
  claimMs: number[];
  heartbeatMs: number[];
  /** The part of the time in which the cores were busy. */
  busy: number;
}

interface Task {
  startedAt: number;
  /** Steps that take a core, in ms, and whether the step needs the lane. */
  steps: { ms: number; isLocked: boolean }[];
  flushMs: number;
  into: number[] | null;
}

/** Runs a scene: cores serve in the order of arrival; the lane is one lock, in order, too. */
export function simulate(costs: Costs, scene: Scene, dice: () => number): Simulated {
  const { pools, cores, heartbeatMs, jobsPerSecond, housekeepers, pollsPerSecond } = scene;
  const until = scene.seconds * 1_000;
  const claimMs: number[] = [];
  const beatMs: number[] = [];
  const events = new Heap();
  const ready: Task[] = [];
  const forLane: Task[] = [];
  let [free, isLaneTaken, busyMs] = [cores, false, 0];
  // Service times vary like those of a server: a fixed part, and an exponential one.
  const varied = (ms: number) => ms * (0.5 - 0.5 * Math.log(1 - dice()));
  const step = (ms: number, isLocked = false) => ({ ms: varied(ms), isLocked });

  const arrive = (task: Task) => {
    if (task.steps[0]?.isLocked === true) {
      if (isLaneTaken) {
        forLane.push(task);
        return;
      }
      isLaneTaken = true;
    }
    ready.push(task);
  };
  const dispatch = (now: number) => {
    while (free > 0 && ready.length > 0) {
      const task = ready.shift();
      if (!task) return;
      free--;
      const ms = task.steps[0]?.ms ?? 0;
      busyMs += ms;
      events.push(now + ms, () => ended(task, now + ms));
    }
  };
  const ended = (task: Task, now: number) => {
    free++;
    const done = task.steps.shift();
    if (done?.isLocked === true) {
      const next = forLane.shift();
      isLaneTaken = next !== undefined;
      if (next) ready.push(next);
    }
    if (task.steps.length > 0) arrive(task);
    else task.into?.push(now + varied(task.flushMs) - task.startedAt);
  };
  const send = (now: number, steps: Task["steps"], into: number[] | null, flushMs = 0) =>
    arrive({ startedAt: now, steps, flushMs, into });

  /** Something that happens `perSecond` times, at random. */
  const repeat = (perSecond: number, work: (now: number) => void) => {
    if (perSecond === 0) return;
    const again = (now: number) => {
      work(now);
      schedule(now);
    };
    const schedule = (now: number) => {
      const at = now - (Math.log(1 - dice()) * 1_000) / perSecond;
      if (at < until) events.push(at, () => again(at));
    };
    schedule(0);
  };
  repeat((pools * 1_000) / heartbeatMs, (now) => {
    send(now, [step(costs.heartbeat)], beatMs, costs.flush);
    send(now, [step(costs.report)], null);
  });
  repeat((Math.min(pools, housekeepers) * 1_000) / heartbeatMs, (now) =>
    send(now, [step(costs.house)], null),
  );
  repeat(pollsPerSecond, (now) => send(now, [step(costs.idlePoll)], null));
  repeat(jobsPerSecond, (now) => {
    send(now, [step(costs.record)], null, costs.flush);
    send(now, [step(costs.routes)], null);
    const rest = Math.max(costs.claim - costs.claimLocked, 0);
    send(now, [step(rest), step(costs.claimLocked, true)], claimMs);
  });
  for (let next = events.pop(); next; next = events.pop()) {
    next.work();
    dispatch(next.at);
  }
  return { claimMs, heartbeatMs: beatMs, busy: busyMs / (until * cores) };
}

interface Event {
  at: number;
  work: () => void;
}

/** Events, the earliest first. */
class Heap {
  readonly #all: Event[] = [];

  push(at: number, work: () => void): void {
    const all = this.#all;
    let place = all.push({ at, work }) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (this.#at(above) <= at) break;
      this.#swap(place, above);
      place = above;
    }
  }

  pop(): Event | undefined {
    const all = this.#all;
    this.#swap(0, all.length - 1);
    const first = all.pop();
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      const least = this.#at(right) < this.#at(left) ? right : left;
      if (this.#at(least) >= this.#at(place)) return first;
      this.#swap(place, least);
      place = least;
    }
  }

  #at(place: number): number {
    return this.#all[place]?.at ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#all[a], this.#all[b]];
    if (first && second) [this.#all[a], this.#all[b]] = [second, first];
  }
}
