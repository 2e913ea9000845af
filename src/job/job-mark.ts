import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";

import { decoratedMethod } from "./decorated-method.ts";
import { InvalidInput } from "../domain/errors.ts";
import {
  type InputOf,
  isStandardSchema,
  type OutputOf,
  type StandardSchema,
} from "./standard-schema.ts";

/** In the global registry, because bundlers and test runners load several copies of this module. */
const jobMark = Symbol.for("pdoflow.job");
const jobs = Symbol.for("pdoflow.registry.v1");

export type JobFunction = (...args: never[]) => unknown;

export interface JobOptions {
  /**
   * A schema (valibot, zod, arktype, …) of the argument list or, if the function takes one
   * argument, of that argument. Posted arguments are checked by it, and once more before the
   * function is called with its output.
   */
  readonly args?: StandardSchema | undefined;
  /** The export's name, for a function whose file cannot be searched for it. */
  readonly name?: string;
  /** The file to import, if not the caller's: absolute, relative to the root, or a file: URL. */
  readonly file?: string;
}

declare const posted: unique symbol;

/** The arguments of a schema: a list as it is, anything else as the only argument. */
type ArgumentList<T> = T extends readonly unknown[] ? T : readonly [T];

type Writable<T extends readonly unknown[]> = T extends readonly [...infer Items] ? Items : never;

/** For a function with a schema, the input of the schema. */
export interface PostedAs<Args extends readonly unknown[]> {
  readonly [posted]: Args;
}

/** The arguments that may be posted for a job. */
export type PostedArgs<F extends JobFunction> =
  F extends PostedAs<infer Args> ? Args : Parameters<F>;

/** @internal What `job` notes about a function. */
export interface JobMark {
  readonly options: JobOptions;
  /** The decorated method; undefined for a function that was passed to `job`. */
  readonly method: ReturnType<typeof decoratedMethod>;
  /** The position of the call of `job`; undefined outside of a file, as in `node --eval`. */
  readonly position: SourcePosition | undefined;
  /** The name, once it was found. */
  name: string | undefined;
}

/** @internal */
export interface SourcePosition {
  /** A file: URL. */
  readonly url: string;
  /** From 1, as `column`. */
  readonly line: number;
  readonly column: number;
}

/**
 * Marks `fn` as an entry point of the file that calls `job`, and returns the same function, so a
 * call of it costs nothing more. Export it from that file: `export const fit = job(async …)`.
 */
export function job<Schema extends StandardSchema, Result>(
  fn: (...args: Writable<ArgumentList<OutputOf<Schema>>>) => Result,
  options: JobOptions & { readonly args: Schema },
): ((...args: Writable<ArgumentList<OutputOf<Schema>>>) => Result) &
  PostedAs<ArgumentList<InputOf<Schema>>>;
export function job<F extends JobFunction>(
  fn: F,
  options?: JobOptions & { readonly args?: undefined; readonly kind?: never },
): F;
/** As a decorator, `@job static fit() {}`: marks a static method of an exported class. */
export function job(
  method: JobFunction,
  context: ClassMethodDecoratorContext & { readonly static: true; readonly private: false },
): void;
export function job<F extends JobFunction>(
  owner: abstract new (...args: never[]) => unknown,
  name: string,
  descriptor: TypedPropertyDescriptor<F>,
): void;
export function job(...call: unknown[]): JobFunction | undefined {
  const method = decoratedMethod(call);
  const [fn, options = {}] = method ? [method.fn] : (call as [JobFunction, JobOptions?]);
  if (typeof fn !== "function") {
    throw new InvalidInput("job", [
      `expected a function, found ${fn === null ? "null" : typeof fn}`,
    ]);
  }
  if (options.args !== undefined && !isStandardSchema(options.args)) {
    throw new InvalidInput("options of job", [
      "expected args to be a schema (valibot, zod, arktype, or another Standard Schema)",
    ]);
  }
  const mark: JobMark = { options, method, position: callerOf(job), name: options.name };
  Object.defineProperty(fn, jobMark, { value: mark, configurable: true });
  markedJobs().add(fn);
  return method ? undefined : fn;
}

type Marked = object & { [jobMark]?: JobMark };

/** @internal The mark of a function; undefined if `job` has not marked it. */
export const markOf = (fn: Marked | null | undefined): JobMark | undefined => fn?.[jobMark];

/** @internal The schema of a job's arguments; undefined if it has none, or is not a job. */
export const schemaOf = (fn: object): StandardSchema | undefined => markOf(fn)?.options.args;

/** @internal Whether `job` has marked it. */
export const isMarked = (fn: unknown): boolean => typeof fn === "function" && jobMark in fn;

/** @internal Marks a function that stands for another one, such as a bound one, like that one. */
export function copyMark<F extends object>(from: object, to: F): F {
  const mark = markOf(from);
  return mark ? Object.defineProperty(to, jobMark, { value: mark, configurable: true }) : to;
}

/** @internal The functions that were marked in this process, in that order. */
export function markedJobs(): Set<JobFunction> {
  const registry = globalThis as { [jobs]?: Set<JobFunction> };
  return (registry[jobs] ??= new Set());
}

/** The functions of compilers that call decorators. */
const isHelper = /\/node_modules\/(tslib|@swc\/helpers|@babel\/runtime)\//;

function callerOf(callee: typeof job): SourcePosition | undefined {
  const { stackTraceLimit } = Error;
  const prepareStackTrace: unknown = Reflect.get(Error, "prepareStackTrace");
  try {
    Error.stackTraceLimit = 10;
    Error.prepareStackTrace = (_error, sites) => sites;
    const at: { stack?: NodeJS.CallSite[] } = {};
    Error.captureStackTrace(at, callee);
    // Not only the first frame, which is "[unknown]" in Bun for `[…].map((fn) => job(fn))`: the
    // arrow function ended in a tail call and is gone from the stack, and `map` is native.
    for (const site of at.stack ?? []) {
      const file = site.getFileName() ?? "";
      const url = isAbsolute(file) ? pathToFileURL(file).href : file;
      const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
      if (url.startsWith("file:") && !isHelper.test(url)) return { url, line, column };
    }
    return undefined;
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}
