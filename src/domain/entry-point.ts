import { isAbsolute, relative, sep } from "node:path";

import * as v from "valibot";

import { exitCodes, InvalidInput, PdoflowError } from "./errors.ts";
import { parse } from "./parse.ts";

const form = "path/to/file.ts#name or package/sub#name";
const longest = 2_000;
const fileExtension = /[^/]\.[cm]?[jt]sx?$/;
/** Any character beyond ASCII, because databases disagree on which of them are letters. */
const name = /^[\w$\u00a0-\ud7ff\ue000-\u{10ffff}]+$/u;
const packagePath = /^(?:@[^@/]+\/)?[^@/.#][^@/]*(?:\/.+)?$/;

/**
 * The function that a job calls: `file.ts#name`, with the file's path relative to a root, or
 * `package/sub#name`, as the root's own files would import it. It is a file if it has one of the
 * extensions ts, tsx, mts, cts, js, jsx, mjs, cjs or begins with `./`. The name is that of an
 * export, including `default`, or of a static method of one: `file.ts#Class.method`.
 * `entry_point_fault` in sql/ is the same rule, for text in the form of `formatEntryPoint`.
 */
export const EntryPoint = v.pipe(
  v.string(`expected ${form}`),
  v.rawTransform(({ dataset, addIssue, NEVER }): EntryPoint => {
    const text = dataset.value;
    // The last "#": a file's name may contain one, an export's may not.
    const hash = text.lastIndexOf("#");
    const module = withoutDots(text.slice(0, Math.max(hash, 0)));
    const exportName = text.slice(hash + 1);
    const fault =
      hash < 0
        ? `has no "#" and name`
        : (moduleFault(module) ?? exportFault(exportName) ?? lengthFault(text));
    if (fault === undefined) return { module, export: exportName };
    addIssue({ message: `expected ${form}, got ${JSON.stringify(text)}, which ${fault}` });
    return NEVER;
  }),
);
export interface EntryPoint {
  /** The path of a file, relative to the root and without `.` and `..`, or a package's. */
  readonly module: string;
  /** The name of an export, or of a class and its method with a dot between them. */
  readonly export: string;
}

/** @throws {InvalidInput} `text` is not an entry point; with its fault. */
export function parseEntryPoint(text: string): EntryPoint {
  return parse(EntryPoint, text, "Entry point");
}

/**
 * The same for the entry point of a posting, which must be in the form of `formatEntryPoint`: two
 * names for one file would be two entry points for --allow, for signatures and for profiles.
 *
 * @throws {InvalidInput}
 */
export function parsePostedEntryPoint(text: string): EntryPoint {
  const entryPoint = parseEntryPoint(text);
  const only = formatEntryPoint(entryPoint);
  if (only === text) return entryPoint;
  throw new InvalidInput("Entry point", [
    `expected ${only}, found another name for it, ${JSON.stringify(text)}`,
  ]);
}

/** The only way to write this entry point; `parseEntryPoint` reads it back. */
export function formatEntryPoint(entryPoint: EntryPoint): string {
  return `${entryPoint.module}#${entryPoint.export}`;
}

/** Whether a path has the extension of a file with code. */
export const isCodeFile = (path: string): boolean => fileExtension.test(path);

/** Whether the entry point names a file under the root; otherwise it names a package. */
export function isFileModule(module: string): boolean {
  return module.startsWith("./") || isCodeFile(module);
}

/** `@scope/pkg` of `@scope/pkg/sub`, `pkg` of `pkg/sub`. */
export function packageName(module: string): string {
  return module
    .split("/")
    .slice(0, module.startsWith("@") ? 2 : 1)
    .join("/");
}

/**
 * The path from `folder` to `file`, with "/" between folders; undefined if the file is outside.
 * Both are absolute paths in which symlinks were followed.
 */
export function pathInside(folder: string, file: string): string | undefined {
  const path = relative(folder, file);
  const isOutside = path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
  return isOutside ? undefined : path.replaceAll(sep, "/");
}

/** A file outside the folder of jobs would be run as code. */
export class OutsideRoot extends PdoflowError {
  override readonly name = "OutsideRoot";
  readonly exitCode = exitCodes.usage;
  constructor(what: string, file: string, root: string) {
    super(
      `${what} is in ${file}, which is outside of the root ${root}. ` +
        "Expected a file inside of it: choose a root that holds the file, or move the file there.",
    );
  }
}

/** The folder of entry points does not exist. */
export class RootNotFound extends PdoflowError {
  override readonly name = "RootNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(root: string, cause: unknown) {
    super(`The root ${root} could not be opened: expected a folder that holds the entry points.`, {
      cause,
    });
  }
}

/** Omits empty and `.` segments; keeps a leading `./` if only that makes it a file. */
function withoutDots(module: string): string {
  const path = module
    .split("/")
    .filter((segment, index) => (segment === "" ? index === 0 : segment !== "."))
    .join("/");
  return module.startsWith("./") && path !== "" && !fileExtension.test(path) ? `./${path}` : path;
}

function moduleFault(module: string): string | undefined {
  if (module === "") return "names no file or package";
  if (/[\p{Cc}\p{Cs}]/u.test(module)) return "has a control character or half a character in it";
  if (module.includes("\\")) return `has a "\\": write "/" between folders`;
  if (/^[a-z][a-z\d+.-]*:/i.test(module)) return "begins with a URL scheme or a drive";
  if (module.startsWith("/")) return "is absolute: write the path relative to the root";
  if (module.split("/").includes("..")) return `leads up with "..": write the path from the root`;
  if (module.includes("?")) return `has a "?" in its path, which can't be imported`;
  if (isFileModule(module) || packagePath.test(module)) return undefined;
  return "is neither a file (.ts, .js and so on) nor a package";
}

function exportFault(path: string): string | undefined {
  if (path === "") return `has no name after "#"`;
  const parts = path.split(".");
  if (parts.some((part) => !name.test(part) || /^\d/.test(part))) {
    return `has a name after "#" that no export can have`;
  }
  if (parts.length <= 2) return undefined;
  return `has more than one dot after "#": expected the name of a function, or Class.method`;
}

function lengthFault(text: string): string | undefined {
  return Array.from(text).length > longest ? `has more than ${longest} characters` : undefined;
}
