// Known faults of sql/. Each has a separate test that fails, and says so once it is fixed: then
// remove it here, so that the model looks for it.
import type { Step } from "./step.ts";

/**
 * O1: jobs that a dead pool claims during or after its rescue stay leased forever. Its tests are in
 * ../rescue-late.test.ts.
 */
const isClaimOfLost = (a: Step, b: Step) =>
  a.kind === "claim" && b.kind === "rescue" && a.isSilent === true;

/**
 * A pool does not record jobs that it is releasing at the same moment; the fence would not hold.
 */
const isOwnGiveBack = (a: Step, b: Step) =>
  a.kind === "release a part" && a.poolId === b.poolId && b.kind !== "claim";

/** Whether the model may let two steps happen at the same time. */
export const mayMeet = (a: Step, b: Step): boolean =>
  ![isClaimOfLost, isOwnGiveBack].some((isKnown) => isKnown(a, b) || isKnown(b, a));

/**
 * Of these pairs each can wait for a lock of the other; the server then ends one of them. Their
 * tests are in ../cancel.test.ts, ../rescue-late.test.ts and ../model.test.ts.
 */
const deadlocks = new Set(["cancel, record", "record, rescue", "record, record"]);

export const mayDeadlock = (steps: readonly Step[]): boolean =>
  steps.some((a) =>
    steps.some((b) => a !== b && deadlocks.has([a.kind, b.kind].sort().join(", "))),
  );
