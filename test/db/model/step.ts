import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import type { ModelOutcome } from "./changes.ts";
import type { Attempt, Pool, Queue } from "./queue.ts";

/** A batch as it was sent, to be sent again. */
export interface Batch {
  poolId: number;
  outcomes: ModelOutcome[];
  letGo: number[];
}

/** The queue, and the knowledge of pools that the queue does not have. */
export interface Model {
  queue: Queue;
  sent: Batch[];
  /** Every attempt that a pool ever had in hand. */
  had: (Attempt & { leaseId: number; poolId: number })[];
}

/** Changes the model by the answer of the database. @throws if that can't be right. */
export type Change = (model: Model) => void;

/** One statement, made for the present state of the queue. */
export interface Step {
  kind: string;
  /** A description of the step. */
  told: string;
  /** The pool that acts, if one does. */
  poolId?: number;
  /** The recorded outcomes. */
  batch?: Batch;
  send(db: Db): Promise<Change>;
}

/**
 * An act of a pool or a person, possible in any state of the queue: null if it has nothing to do.
 * Its numbers choose among the existing rows.
 */
export interface Act {
  name: string;
  plan(model: Model): Step | null;
}

/** The element that a number of any size chooses; null of none. */
export const choose = <T>(list: readonly T[], number: number): T | null =>
  list.length === 0 ? null : (list[number % list.length] ?? null);

/** Those elements whose bit is set. */
export const chooseSome = <T>(list: readonly T[], bits: number): T[] =>
  list.filter((_, place) => ((bits >> (place % 30)) & 1) === 1);

export const bits = fc.nat({ max: 2 ** 30 - 1 });
export const pick = fc.nat({ max: 50 });

export const alive = ({ pools }: Queue): Pool[] =>
  [...pools.values()].filter(({ state }) => state === "up" || state === "draining");
