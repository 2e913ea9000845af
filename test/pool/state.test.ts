import { describe, expect, test } from "bun:test";

import {
  ImpossiblePoolEvent,
  next,
  type PoolEvent,
  poolEvents,
  type PoolState,
  poolStates,
} from "../../src/pool/state.ts";

const impossible = null;

/** One row for each state; the columns are the events. */
const table: Record<PoolState, Record<PoolEvent, PoolState | null>> = {
  starting: {
    opened: "running",
    drain: impossible, // nobody has the pool yet, and it has no row that an operator could drain
    drained: impossible,
    silence: impossible,
    answered: impossible,
    recovered: impossible,
    recoveryFailed: impossible,
    lost: impossible, // it has no row yet
    stop: "stopping",
    closed: impossible,
  },
  running: {
    opened: impossible,
    drain: "draining",
    drained: impossible,
    silence: "silent",
    answered: "running",
    recovered: impossible,
    recoveryFailed: impossible,
    lost: "lost",
    stop: "stopping",
    closed: impossible, // it has a row, which must say first that it has ended
  },
  draining: {
    opened: impossible,
    drain: "draining",
    drained: "stopping",
    silence: "stopping",
    answered: "draining",
    recovered: impossible,
    recoveryFailed: impossible,
    lost: "stopping",
    stop: "stopping",
    closed: impossible,
  },
  silent: {
    opened: impossible,
    drain: "stopping",
    drained: impossible,
    silence: "silent",
    answered: "recovering",
    recovered: impossible,
    recoveryFailed: impossible,
    lost: "lost",
    stop: "stopping",
    closed: impossible,
  },
  recovering: {
    opened: impossible,
    drain: "stopping",
    drained: impossible,
    silence: "recovering",
    answered: "recovering",
    recovered: "running",
    recoveryFailed: "silent",
    lost: "lost",
    stop: "stopping",
    closed: impossible,
  },
  lost: {
    opened: "running",
    drain: "stopping",
    drained: impossible,
    silence: impossible, // it has no heartbeat
    answered: impossible,
    recovered: impossible, // it has no leases to release
    recoveryFailed: impossible,
    lost: "lost",
    stop: "stopping",
    closed: impossible,
  },
  stopping: {
    opened: "stopping",
    drain: "stopping",
    drained: impossible, // only a draining pool waits for its jobs
    silence: "stopping",
    answered: "stopping",
    recovered: "stopping",
    recoveryFailed: "stopping",
    lost: "stopping",
    stop: "stopping",
    closed: "stopped",
  },
  stopped: {
    opened: "stopped",
    drain: "stopped",
    drained: impossible,
    silence: "stopped",
    answered: "stopped",
    recovered: "stopped",
    recoveryFailed: "stopped",
    lost: "stopped",
    stop: "stopped",
    closed: "stopped",
  },
};

describe.each([...poolStates])("a pool that is %s", (state) => {
  test.each([...poolEvents])("and gets the event %s", (event) => {
    const expected = table[state][event];
    if (expected === null) expect(() => next(state, event)).toThrow(ImpossiblePoolEvent);
    else expect(next(state, event)).toBe(expected);
  });
});

test("from every state but the last a pool can be stopped, and then closed", () => {
  for (const state of poolStates.slice(0, -1)) {
    expect(next(next(state, "stop"), "closed")).toBe("stopped");
  }
});

test("a pool that has begun to stop never runs jobs again", () => {
  const reached = new Set<PoolState>(["stopping"]);
  for (const state of reached) {
    for (const event of poolEvents) {
      const following = table[state][event];
      if (following) reached.add(following);
    }
  }
  expect([...reached]).toEqual(["stopping", "stopped"]);
});
