import { createRequire } from "node:module";
import { readFile, realpath } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import {
  formatEntryPoint,
  OutsideRoot,
  parseEntryPoint,
  pathInside,
  RootNotFound,
} from "../domain/entry-point.ts";
import { decoratedMethod } from "./decorated-method.ts";
import { InvalidInput } from "../domain/errors.ts";
import { JobFileNotFound, JobNotExported, JobStillLoading, named, NotAJob } from "./mark-errors.ts";
import {
  type InputOf,
  isStandardSchema,
  type OutputOf,
  type StandardSchema,
} from "./standard-schema.ts";

/** In the global registry, because bundlers and test runners load several copies of this module. */
const jobMark = Symbol.for("pdoflow.job");
const jobs = Symbol.for("pdoflow.registry.v1");

/** The maximum duration of an import of a file that is loaded already; it takes about 0.2 ms. */
const importMs = 100;

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

interface JobMark {
  readonly options: JobOptions;
  /** The decorated method; undefined for a function that was passed to `job`. */
  readonly method: ReturnType<typeof decoratedMethod>;
  /** The position of the call of `job`; undefined outside of a file, as in `node --eval`. */
  readonly place: SourcePosition | undefined;
  /** The name, once it was found. */
  name: string | undefined;
}

interface SourcePosition {
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
  const mark: JobMark = { options, method, place: callerOf(job), name: options.name };
  Object.defineProperty(fn, jobMark, { value: mark, configurable: true });
  markedJobs().add(fn);
  return method ? undefined : fn;
}

type Marked = JobFunction & { [jobMark]?: JobMark };

/** @internal The schema of a job's arguments; undefined if it has none, or is not a job. */
export const schemaOf = (fn: object): StandardSchema | undefined =>
  (fn as { [jobMark]?: JobMark })[jobMark]?.options.args;

/** @internal Whether `job` has marked it. */
export const isMarked = (fn: unknown): boolean => typeof fn === "function" && jobMark in fn;

/** @internal Marks a function that stands for another one, such as a bound one, like that one. */
export function copyMark<F extends object>(from: object, to: F): F {
  const mark = (from as { [jobMark]?: JobMark })[jobMark];
  return mark ? Object.defineProperty(to, jobMark, { value: mark, configurable: true }) : to;
}

/** @internal The functions that were marked in this process, in that order. */
export function markedJobs(): Set<JobFunction> {
  const place = globalThis as { [jobs]?: Set<JobFunction> };
  return (place[jobs] ??= new Set());
}

/**
 * @internal The entry point `path/to/file.ts#name` of a function that `job` marked, relative to
 * `root`. The name is the one given to `job`, or else that of the export with this value. To find
 * it, the file is imported; the process has loaded it already, so nothing runs twice.
 *
 * @throws {NotAJob} the function was not marked.
 * @throws {JobFileNotFound} the file that marked it is not one on disk.
 * @throws {OutsideRoot} the file is not in the root.
 * @throws {JobNotExported} no export of the file is this function.
 * @throws {JobStillLoading} the file is still being imported; its text does not reveal the name.
 */
export async function entryPointOf(fn: JobFunction, root: string): Promise<string> {
  const mark = (fn as { [jobMark]?: JobMark } | null | undefined)?.[jobMark];
  if (mark === undefined) throw new NotAJob(fn);
  const url = fileUrl(fn, mark, root);
  const [realRoot, file] = await Promise.all([
    realpath(root).catch((cause: unknown) => {
      throw new RootNotFound(root, cause);
    }),
    realpath(fileURLToPath(url)).catch((cause: unknown) => {
      throw new JobFileNotFound(fn, fileURLToPath(url), cause);
    }),
  ]);
  const path = pathInside(realRoot, file);
  if (path === undefined) throw new OutsideRoot(`The job ${named(fn)}`, file, realRoot);
  mark.name ??= await exportedName(fn, url, mark);
  if (mark.name === undefined) throw new JobNotExported(fn, file);
  return formatEntryPoint(parseEntryPoint(`./${path}#${mark.name}`));
}

function fileUrl(fn: JobFunction, { options: { file }, place }: JobMark, root: string): string {
  if (file?.startsWith("file:")) return file;
  if (file !== undefined) return pathToFileURL(resolve(root, file)).href;
  if (place === undefined) throw new JobFileNotFound(fn, undefined);
  return place.url;
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

async function exportedName(fn: JobFunction, url: string, { place, method }: JobMark) {
  const module = await exportsOf(url);
  const found = module && findExport(module, fn);
  if (found) return found;
  if (method?.className) return `${method.className}.${method.name}`;
  const file = fileURLToPath(url);
  const source = await readFile(file, "utf8");
  const own = [...markedJobs()].filter((each) => (each as Marked)[jobMark]?.place?.url === url);
  const name = place?.url === url && nameInSource(source, fn, place, own.indexOf(fn));
  if (name) return name;
  if (module === undefined) throw new JobStillLoading(fn, file);
  return undefined;
}

/**
 * The exports of a file of this process; undefined if they are not available. A script that defines
 * a job and awaits its posting at the top level is still being evaluated, so an import of itself
 * would wait forever. Test runners (Vitest, Jest) load files in their own ways, which an import
 * here does not use: it fails, or creates another instance of the file with jobs that nobody
 * posted.
 */
async function exportsOf(url: string): Promise<object | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, importMs, undefined);
  });
  const before = new Set(markedJobs());
  try {
    const loading: Promise<object> = import(/* webpackIgnore: true */ /* @vite-ignore */ url);
    return await Promise.race([loading, late]);
  } catch {
    return requiredExports(url);
  } finally {
    clearTimeout(timer);
    for (const fn of markedJobs()) {
      if (!before.has(fn) && (fn as Marked)[jobMark]?.place?.url === url) markedJobs().delete(fn);
    }
  }
}

/** Jest resolves a require() to the modules that it has loaded itself. */
function requiredExports(url: string): object | undefined {
  try {
    return Object(createRequire(url)(fileURLToPath(url))) as object;
  } catch {
    return undefined; // the name is read from the source
  }
}

function findExport(module: object, fn: JobFunction): string | undefined {
  const whole = (module as { default?: unknown }).default;
  // Node returns the exports of CommonJS that was compiled from ESM as `default`, Bun as they were.
  const isWrapped = isOwner(whole) && "__esModule" in whole;
  const exports = Object.entries(isWrapped ? whole : module);
  // A specific name is better than "default".
  exports.sort(([a], [b]) => Number(a === "default") - Number(b === "default"));
  const direct = exports.find(([, value]) => value === fn);
  if (direct !== undefined) return direct[0];
  for (const [name, owner] of exports) {
    if (!isOwner(owner)) continue;
    const members = Object.entries(Object.getOwnPropertyDescriptors(owner));
    const member = members.find(([, { value }]) => value === fn);
    if (member !== undefined) return `${name}.${member[0]}`;
  }
  // Another instance of this function: one that was bundled, or is exported in a wrapper.
  return exports.some(([name, value]) => name === fn.name && typeof value === "function")
    ? fn.name
    : undefined;
}

/** Perhaps a class or an object with methods; not a list, which may be long. */
function isOwner(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return typeof value === "function";
  return !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/**
 * Finds `export const NAME = job(` at the position of the call, or `export function NAME`, or else
 * the call with that index: a wrong name would cause ExportNotFound in a worker.
 */
function nameInSource(
  source: string,
  fn: JobFunction,
  { line, column }: SourcePosition,
  number: number,
) {
  const lines = source.split("\n").slice(0, line);
  const before = [...lines.slice(0, -1), lines.at(-1)?.slice(0, column - 1)].join("\n");
  const variable = /\bexport\s+(?:const|let|var)\s+([\p{ID_Continue}$]+)[^=;]*=\s*[\w$.]*$/u;
  const functions = /\bexport\s+(?:async\s+)?function\s*\*?\s*([\p{ID_Continue}$]+)/gu;
  const calls =
    /(?:\bexport\s+(?:const|let|var)\s+([\p{ID_Continue}$]+)[^=;]*=\s*)?(?<![\w$.])job\(/gu;
  return (
    variable.exec(before)?.[1] ??
    [...source.matchAll(functions)].map(([, name]) => name).find((name) => name === fn.name) ??
    [...source.matchAll(calls)][number]?.[1]
  );
}
