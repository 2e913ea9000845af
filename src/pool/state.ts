/**
 * The lifecycle of a pool.
 *
 * | state      | meaning                                                                        |
 * | ---------- | ------------------------------------------------------------------------------ |
 * | starting   | it connects and registers; it has no row in the table `pool` yet               |
 * | running    | it claims jobs and runs them                                                   |
 * | draining   | it claims no more jobs; running jobs may end                                   |
 * | silent     | no heartbeat got through: it has stopped its jobs, because another pool may    |
 * |            | rescue them at any moment (rule 10)                                            |
 * | recovering | the database answers again: it releases the leases from before                 |
 * | lost       | another pool has rescued its jobs (O1): it registers as a new pool             |
 * | stopping   | it writes the last outcomes, releases all other jobs and stops its workers     |
 * | stopped    | it is over                                                                     |
 */
export const poolStates = [
  "starting",
  "running",
  "draining",
  "silent",
  "recovering",
  "lost",
  "stopping",
  "stopped",
] as const;

export type PoolState = (typeof poolStates)[number];

/**
 * | event          | when                                                                       |
 * | -------------- | -------------------------------------------------------------------------- |
 * | opened         | the pool is registered, for the first time or as a new pool                |
 * | drain          | a signal, an operator, its lifetime or its idle timeout asks it to drain   |
 * | drained        | a draining pool has no job left                                            |
 * | silence        | no heartbeat got through for most of the heartbeat timeout                 |
 * | answered       | a heartbeat got through                                                    |
 * | recovered      | the leases from before the silence are released                            |
 * | recoveryFailed | they could not be released; the next heartbeat tries again                 |
 * | lost           | the database says that another pool has rescued this one's jobs            |
 * | stop           | it ends now: killed, nothing left to run, no workers, or a fatal error     |
 * | closed         | its connections are closed                                                 |
 */
export const poolEvents = [
  "opened",
  "drain",
  "drained",
  "silence",
  "answered",
  "recovered",
  "recoveryFailed",
  "lost",
  "stop",
  "closed",
] as const;

export type PoolEvent = (typeof poolEvents)[number];

/** For each state the events that can occur in it, with the state that follows. */
const transitions: Record<PoolState, Partial<Record<PoolEvent, PoolState>>> = {
  starting: { opened: "running", stop: "stopping" },
  running: {
    drain: "draining",
    silence: "silent",
    answered: "running",
    lost: "lost",
    stop: "stopping",
  },
  draining: {
    drain: "draining",
    drained: "stopping",
    silence: "stopping", // its jobs are stopped: nothing is left to wait for
    answered: "draining",
    lost: "stopping",
    stop: "stopping",
  },
  silent: {
    drain: "stopping", // no job runs
    silence: "silent",
    answered: "recovering",
    lost: "lost",
    stop: "stopping",
  },
  recovering: {
    drain: "stopping",
    silence: "recovering", // ends as recovered or recoveryFailed
    answered: "recovering",
    recovered: "running",
    recoveryFailed: "silent",
    lost: "lost",
    stop: "stopping",
  },
  lost: { opened: "running", drain: "stopping", lost: "lost", stop: "stopping" },
  stopping: {
    opened: "stopping", // it was stopped while it registered anew
    drain: "stopping",
    silence: "stopping",
    answered: "stopping",
    recovered: "stopping",
    recoveryFailed: "stopping",
    lost: "stopping",
    stop: "stopping",
    closed: "stopped",
  },
  stopped: {
    // Answers that were on their way when the connections were closed.
    opened: "stopped",
    drain: "stopped",
    silence: "stopped",
    answered: "stopped",
    recovered: "stopped",
    recoveryFailed: "stopped",
    lost: "stopped",
    stop: "stopped",
    closed: "stopped",
  },
};

/** An event occurred in a state in which it is impossible: the pool has a bug. */
export class ImpossiblePoolEvent extends Error {
  override readonly name = "ImpossiblePoolEvent";
  constructor(state: PoolState, event: PoolEvent) {
    super(`the event "${event}" is impossible in a pool that is ${state}`);
  }
}

/**
 * The state that follows an event.
 *
 * @throws {ImpossiblePoolEvent}
 */
export function next(state: PoolState, event: PoolEvent): PoolState {
  const following = transitions[state][event];
  if (following === undefined) throw new ImpossiblePoolEvent(state, event);
  return following;
}
