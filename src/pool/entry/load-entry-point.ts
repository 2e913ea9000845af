import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

import {
  type EntryPoint,
  formatEntryPoint,
  parsePostedEntryPoint,
} from "../../domain/entry-point.ts";
import { acceptArguments } from "../../job/accept-arguments.ts";
import { copyMark, isMarked, schemaOf } from "../../job/job-mark.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { type ResolveModule, resolveEntryFile } from "./entry-file.ts";

export type EntryFunction = (...args: unknown[]) => unknown;

/**
 * The same for the text of a posting, which any poster may have written.
 *
 * @throws {InvalidInput} it is not an entry point; and the errors of `loadEntryPoint`.
 */
export async function loadPosted(
  root: string,
  text: string,
  resolve: ResolveModule,
  prepare?: (file: string) => void,
): Promise<EntryFunction> {
  return await loadEntryPoint(root, parsePostedEntryPoint(text), resolve, prepare);
}

/**
 * Imports the module of an entry point and returns the function that it names. A process imports a
 * module once: later calls get the same functions, or the same error, and later changes of a file
 * have no effect. `Class.method` is bound to `Class`. Methods of objects are not entry points,
 * unless `job` marks them: posters could call every method of a database client that a file happens
 * to export. `prepare` is called before the import.
 *
 * @throws {ImportFailed} the module, or one that it imports, has a syntax error or threw.
 * @throws {ExportNotFound} it has no such export; names its exports.
 * @throws {NotAFunction} the export is not a function.
 * @throws the errors of `resolveEntryFile`.
 */
export async function loadEntryPoint(
  root: string,
  entryPoint: EntryPoint,
  resolve: ResolveModule,
  prepare: (file: string) => void = () => {},
): Promise<EntryFunction> {
  const file = await resolveEntryFile(root, entryPoint, resolve);
  prepare(file);
  let value: unknown;
  try {
    const { href } = pathToFileURL(file); // its name may contain a # or a %
    value = await import(/* webpackIgnore: true */ /* @vite-ignore */ href);
  } catch (cause) {
    throw new ImportFailed(entryPoint, cause);
  }
  const [name = "", method] = entryPoint.export.split(".");
  const exported = member(entryPoint, value, name);
  if (method === undefined) {
    if (!isCallable(exported)) throw new NotAFunction(entryPoint, exported);
    return exported;
  }
  const fn = member(entryPoint, exported, method);
  if (!isClass(exported) && !isMarked(fn)) throw new NotAClass(entryPoint, exported);
  if (!isCallable(fn)) throw new NotAFunction(entryPoint, fn);
  return copyMark(fn, fn.bind(exported));
}

function member(entryPoint: EntryPoint, owner: unknown, name: string): unknown {
  if (!hasMember(owner, name)) throw new ExportNotFound(entryPoint, name, memberNames(owner));
  return owner[name];
}

/**
 * Calls with a list spread as positional arguments, or with an object as the one argument; if the
 * function has a schema, with the output of the schema.
 *
 * @throws {ArgumentsRefused} by its schema.
 */
export function callEntryPoint(
  fn: EntryFunction,
  args: readonly unknown[] | Readonly<Record<string, unknown>>,
): unknown {
  const list: readonly unknown[] = Array.isArray(args) ? args : [args];
  const schema = schemaOf(fn);
  if (schema === undefined) return fn(...list);
  const accepted = acceptArguments(schema, list, null);
  return "then" in accepted ? accepted.then((list) => fn(...list)) : fn(...accepted);
}

/** The export that an entry point names does not exist. */
export class ExportNotFound extends PdoflowError {
  override readonly name = "ExportNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(entryPoint: EntryPoint, wanted: string, found: readonly string[]) {
    super(
      wanted === "default" && found.length > 0
        ? `${entryPoint.module} has no default export. Name one of its exports: ` +
            `${found.map((name) => `${entryPoint.module}#${name}`).join(", ")}.`
        : `${formatEntryPoint(entryPoint)}: expected an export or member "${wanted}", ` +
            `found ${found.join(", ") || "nothing"}.${didYouMean(similarNames(wanted, found))}`,
    );
  }
}

/** The export that an entry point names is not a function. */
export class NotAFunction extends PdoflowError {
  override readonly name = "NotAFunction";
  readonly exitCode = exitCodes.usage;
  constructor(entryPoint: EntryPoint, found: unknown) {
    super(
      `${formatEntryPoint(entryPoint)}: expected a function, found ${describe(found)}. ` +
        "Name a function, or a static method with a dot before it, as in Class.method.",
    );
  }
}

/** The name before the dot of an entry point is not a class. */
export class NotAClass extends PdoflowError {
  override readonly name = "NotAClass";
  readonly exitCode = exitCodes.usage;
  constructor(entryPoint: EntryPoint, found: unknown) {
    super(
      `${formatEntryPoint(entryPoint)}: expected a class before the dot, found ` +
        `${describe(found)}. Only exported functions and static methods of exported classes are ` +
        "entry points. Export the function itself, or mark it with job().",
    );
  }
}

/** The user's module could not be imported. `cause` is the error, with its own stack. */
export class ImportFailed extends PdoflowError {
  override readonly name = "ImportFailed";
  readonly exitCode = exitCodes.usage;
  constructor(entryPoint: EntryPoint, cause: unknown) {
    super(`${formatEntryPoint(entryPoint)} could not be imported: ${importFault(cause)}`, {
      cause,
    });
  }
}

function isCallable(value: unknown): value is EntryFunction {
  return typeof value === "function" && !isClass(value);
}

function isClass(value: unknown): boolean {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/** Own members, and members of the base classes; not the members that every function has. */
function hasMember(value: unknown, name: string): value is Record<string, unknown> {
  if (!isOwner(value)) return false;
  if (Object.hasOwn(value, name)) return true;
  const parent: unknown = isClass(value) ? Object.getPrototypeOf(value) : null;
  return isClass(parent) && hasMember(parent, name);
}

/** The names that an entry point can call, or follow with a dot. */
function memberNames(value: unknown): string[] {
  if (!isOwner(value)) return [];
  return Object.entries(Object.getOwnPropertyDescriptors(value))
    .filter(([name, member]) => name !== "prototype" && isOwner(member.value))
    .map(([name]) => name);
}

function isOwner(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isClass(value)) return "a class";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The errors that Bun throws for a file that it cannot parse or find. */
interface BunMessage {
  name?: unknown;
  message?: unknown;
  position?: { file: string; line: number; column: number } | null;
}

/** One line for each fault, with its line and column if the file could not be parsed. */
function importFault(cause: unknown): string {
  // Bun reports the faults of one file together if there are several.
  if (cause instanceof AggregateError) return cause.errors.map(importFault).join("; ");
  const { name, message, position }: BunMessage = Object(cause ?? {});
  if (name === "BuildMessage" && position) {
    return `${position.file}:${position.line}:${position.column}: ${String(message)}`;
  }
  if (name === "ResolveMessage") {
    return `${String(message)}. Install or write the missing code.`;
  }
  const isError = cause instanceof Error;
  return `it threw ${isError ? `${cause.name}: ${cause.message}` : inspect(cause)}`;
}
