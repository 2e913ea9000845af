import { createRequire } from "node:module";
import { readFile, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import {
  formatEntryPoint,
  OutsideRoot,
  parseEntryPoint,
  pathInside,
  RootNotFound,
} from "../domain/entry-point.ts";
import {
  type JobFunction,
  type JobMark,
  markedJobs,
  markOf,
  type SourcePosition,
} from "./job-mark.ts";
import { JobFileNotFound, JobNotExported, JobStillLoading, named, NotAJob } from "./mark-errors.ts";

/** The maximum duration of an import of a file that is loaded already; it takes about 0.2 ms. */
const importMs = 100;

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
  const mark = markOf(fn);
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

function fileUrl(fn: JobFunction, { options: { file }, position }: JobMark, root: string): string {
  if (file?.startsWith("file:")) return file;
  if (file !== undefined) return pathToFileURL(resolve(root, file)).href;
  if (position === undefined) throw new JobFileNotFound(fn, undefined);
  return position.url;
}

async function exportedName(fn: JobFunction, url: string, { position, method }: JobMark) {
  const module = await exportsOf(url);
  const found = module && findExport(module, fn);
  if (found) return found;
  if (method?.className) return `${method.className}.${method.name}`;
  const file = fileURLToPath(url);
  const source = await readFile(file, "utf8");
  const own = [...markedJobs()].filter((each) => markOf(each)?.position?.url === url);
  const name = position?.url === url && nameInSource(source, fn, position, own.indexOf(fn));
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
      if (!before.has(fn) && markOf(fn)?.position?.url === url) markedJobs().delete(fn);
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
