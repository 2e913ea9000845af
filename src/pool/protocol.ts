import * as v from "valibot";

import { parse } from "../domain/parse.ts";

/** What a pool tells a worker: a chunk of jobs of one entry point, its arguments as encoded text. */
export interface RunMessage {
  kind: "run";
  /** Counts the chunks of this worker from 0. */
  chunk: number;
  /** Where in the shared page its next position is found. */
  slot: number;
  entryPoint: string;
  args: string[];
}

/**
 * The end of one attempt: position in its chunk, whether it was done, how long it took and how long
 * ago it ended (ms), its encoded result or error.
 */
const End = v.tuple([
  v.pipe(v.number(), v.integer(), v.minValue(0)),
  v.boolean(),
  v.pipe(v.number(), v.minValue(0)),
  v.pipe(v.number(), v.minValue(0)),
  v.nullable(v.string()),
]);
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
