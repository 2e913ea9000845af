import * as v from "valibot";

import type { KeepsOutput } from "../domain/posting.ts";
import { parse } from "../domain/parse.ts";

/**
 * What a pool tells a worker: a chunk of jobs of one entry point, its arguments as encoded text.
 */
export interface RunMessage {
  kind: "run";
  /** Counts the chunks of this worker from 0. */
  chunk: number;
  /** Where in the shared page its next position is found. */
  slot: number;
  entryPoint: string;
  args: string[];
  keepsResults: boolean;
  keepsOutput: KeepsOutput;
}

const amount = v.pipe(v.number(), v.finite(), v.minValue(0));

/** What a job printed: both streams, null where there is nothing to keep. */
export interface Output {
  stdout: string | null;
  stderr: string | null;
}

/** The end of one attempt. */
const End = v.strictObject({
  /** The job's position in its chunk. */
  position: v.pipe(amount, v.integer()),
  isDone: v.boolean(),
  durationMs: amount,
  /** How long ago it ended, in ms. */
  agoMs: amount,
  /** The encoded result or error. */
  text: v.nullable(v.string()),
  /** What the job asked for by what it threw: no further attempt, or one after so many ms. */
  retry: v.nullable(v.union([v.literal("never"), amount])),
  output: v.nullable(
    v.strictObject({ stdout: v.nullable(v.string()), stderr: v.nullable(v.string()) }),
  ),
});
export type End = v.InferOutput<typeof End>;

const WorkerMessage = v.variant("kind", [
  v.strictObject({ kind: v.literal("ready") }),
  v.strictObject({ kind: v.literal("ended"), chunk: v.number(), ends: v.array(End) }),
  /** The last words of a worker that user code brought down from outside of a job's call. */
  v.strictObject({ kind: v.literal("broken"), error: v.string() }),
]);
export type WorkerMessage = v.InferOutput<typeof WorkerMessage>;

/** @throws {InvalidInput} a worker runs user code, which can send anything. */
export const parseWorkerMessage = (message: unknown): WorkerMessage =>
  parse(WorkerMessage, message, "message of a worker");
