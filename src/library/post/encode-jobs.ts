import { setImmediate } from "node:timers/promises";

import type { JobBatch } from "../../db/posting/batches.ts";
import { JobBatcher } from "../../db/posting/job-batcher.ts";
import { acceptArguments } from "../../job/accept-arguments.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { postingOptions } from "../../domain/posting-options.ts";
import type { StandardSchema } from "../../job/standard-schema.ts";
import { type Arguments, encodeArgs, UnencodableValue } from "../../job/values.ts";
import { type Source, SourceReader } from "./source.ts";

/** The sources of the jobs of a posting: the first elements belong to job 0, and so on. */
export interface ArgumentSources {
  posargs: Source<readonly unknown[]>;
  kwargs: Source<object>;
  /** One for each job; undefined if all jobs have the same. */
  priorities: Source<number> | undefined;
  /** Checks the arguments of each; undefined if there is no check. */
  schema?: StandardSchema | undefined;
}

/** The jobs or characters after which other work of the process may run: some milliseconds. */
const pauseJobs = 1_000;
const pauseChars = 2 ** 18;

/** Sources that belong together have different numbers of elements. */
export class UnequalLengths extends PdoflowError {
  override readonly name = "UnequalLengths";
  readonly exitCode = exitCodes.usage;
  constructor(shorter: string, count: number, longer: string) {
    super(
      `Expected as many elements in ${shorter} as in ${longer}, one for each job; ${shorter} has ` +
        `${count}, and ${longer} has more. Nothing was posted.`,
    );
  }
}

/** An argument of a job cannot be passed to a worker. */
export class UnencodableJob extends PdoflowError {
  override readonly name = "UnencodableJob";
  readonly exitCode = exitCodes.usage;
  /** The index of the job in the posting, from 0. */
  readonly index: number;
  /** The path in the job's arguments, such as `[2].options`. */
  readonly path: string;
  constructor(index: number, cause: UnencodableValue) {
    super(`Job ${index}: ${cause.message} Nothing was posted.`, { cause });
    this.index = index;
    this.path = cause.path;
  }
}

/**
 * The jobs of `sources`, encoded, in batches. `posargs` or `kwargs` without elements counts as not
 * given. Lets other work of the process run from time to time.
 *
 * @throws {UnequalLengths}, {UnencodableJob} or {ArgumentsRefused}
 * @throws {InvalidInput} an element is not a list of arguments, an object or a priority.
 */
export async function* encodeJobs(
  sources: ArgumentSources,
): AsyncGenerator<JobBatch, void, undefined> {
  const lists = new SourceReader("posargs", sources.posargs);
  const objects = new SourceReader("kwargs", sources.kwargs);
  const ranks = sources.priorities && new SourceReader("priority", sources.priorities);
  const readers = ranks ? [lists, objects, ranks] : [lists, objects];
  try {
    for (const reader of readers) await reader.advance();
    if (lists.isEmpty && objects.isEmpty) return;
    const used = readers.filter((reader) => reader === ranks || !reader.isEmpty);
    let index = 0;
    const batch = new JobBatcher();
    let charsSincePause = 0;
    while (!haveEnded(used, index)) {
      const given = argumentsOf(index, lists, objects);
      const checking = sources.schema && check(sources.schema, given, index);
      if (checking) await checking;
      const text = encode(index, given);
      const full = batch.add(text, ranks && priorityOf(index, ranks.item));
      charsSincePause += text.length;
      for (const reader of used) {
        const reading = reader.advance();
        if (reading) await reading;
      }
      index++;
      if (full) yield full;
      if (full || index % pauseJobs === 0 || charsSincePause > pauseChars) {
        charsSincePause = 0;
        await setImmediate();
      }
    }
    const rest = batch.take();
    if (rest) yield rest;
  } finally {
    for (const reader of readers) await reader.close();
  }
}

/** Whether all sources have ended, after `count` elements. */
function haveEnded(used: readonly SourceReader<unknown>[], count: number): boolean {
  const ended = used.find((reader) => reader.isAtEnd);
  const other = used.find((reader) => !reader.isAtEnd);
  if (ended && other) throw new UnequalLengths(ended.name, count, other.name);
  return other === undefined;
}

/** A list alone, an object alone, or the list with the object as the last argument. */
function argumentsOf(
  index: number,
  lists: SourceReader<readonly unknown[]>,
  objects: SourceReader<object>,
): Arguments {
  const list = lists.item;
  if (!lists.isEmpty && !Array.isArray(list)) {
    throw new InvalidInput(`posargs of job ${index}`, [
      `expected a list of arguments, as in [1, "a.txt"], found ${kindOf(list)}`,
    ]);
  }
  const object = objects.item;
  if (!objects.isEmpty && (typeof object !== "object" || Array.isArray(object))) {
    throw new InvalidInput(`kwargs of job ${index}`, [
      `expected an object of arguments, as in { size: 1 }, found ${kindOf(object)}`,
    ]);
  }
  if (lists.isEmpty) return object as Record<string, unknown>;
  return objects.isEmpty ? (list as unknown[]) : [...(list as unknown[]), object];
}

/** The posted arguments are the original ones: the worker applies the schema again. */
function check(schema: StandardSchema, given: Arguments, index: number): Promise<unknown> | null {
  const list = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  const accepted = acceptArguments(schema, list, index);
  return "then" in accepted ? accepted : null;
}

const kindOf = (value: unknown) =>
  value === null ? "null" : Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;

function encode(index: number, args: Arguments): string {
  try {
    return encodeArgs(args);
  } catch (error) {
    throw error instanceof UnencodableValue ? new UnencodableJob(index, error) : error;
  }
}

function priorityOf(index: number, priority: unknown): number {
  // The quick way first: there may be millions.
  if (typeof priority === "number" && (priority | 0) === priority) return priority;
  return parse(postingOptions.priority.schema.wrapped, priority, `priority of job ${index}`);
}
