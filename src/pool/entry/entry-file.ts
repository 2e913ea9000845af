import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";

import {
  type EntryPoint,
  formatEntryPoint,
  isFileModule,
  OutsideRoot,
  packageName,
  pathInside,
  RootNotFound,
} from "../../domain/entry-point.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** Finds the file of a package's module from a folder; throws if it does not exist. */
export type ResolveModule = (module: string, folder: string) => string;

/**
 * The absolute path of the file to import for an entry point, with all symlinks followed.
 *
 * A file must lie inside the root after symlinks were followed, those of the root too. A package
 * may lie elsewhere, because workspaces and pnpm link packages into node_modules; but it is found
 * only where an import in the root would find it, in the node_modules of the root or of a folder
 * above, and its file must lie inside that package.
 *
 * @throws {RootNotFound} there is no such folder.
 * @throws {EntryFileNotFound} there is no such file in the root; names similar files.
 * @throws {PackageNotFound} no such package is installed, or it does not export that path.
 * @throws {OutsideRoot} the file exists, and is not one that this root may run.
 */
export async function resolveEntryFile(
  root: string,
  entryPoint: EntryPoint,
  resolve: ResolveModule,
): Promise<string> {
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new RootNotFound(root, cause);
  });
  return isFileModule(entryPoint.module)
    ? await resolveFile(realRoot, entryPoint)
    : await resolvePackage(realRoot, entryPoint, resolve);
}

async function resolveFile(root: string, entryPoint: EntryPoint): Promise<string> {
  let file: string;
  try {
    file = await realpath(join(root, entryPoint.module));
  } catch (cause) {
    const similar = await similarPaths(root, entryPoint.module);
    throw new EntryFileNotFound(entryPoint, root, similar, cause);
  }
  if (pathInside(root, file) === undefined) {
    throw new OutsideRoot(formatEntryPoint(entryPoint), file, root);
  }
  // A pipe would block the import forever, and a folder would import its index file.
  if (!(await stat(file)).isFile()) throw new EntryFileNotFound(entryPoint, root, []);
  return file;
}

async function resolvePackage(
  root: string,
  entryPoint: EntryPoint,
  resolve: ResolveModule,
): Promise<string> {
  const { module } = entryPoint;
  // Searched first, because Bun resolves "fs" to its own module and, when running from source,
  // would download a missing package.
  const folder = await findPackage(root, packageName(module));
  if (folder === undefined) {
    const reason = `no node_modules of ${root} or above it has "${packageName(module)}".`;
    throw new PackageNotFound(entryPoint, reason + didYouMean(await similarPaths(root, module)));
  }
  let found: string;
  try {
    found = resolve(module, root);
  } catch (cause) {
    throw new PackageNotFound(entryPoint, `${folder} does not export "${module}".`, cause);
  }
  if (!isAbsolute(found)) {
    throw new PackageNotFound(entryPoint, `"${module}" is a module of the runtime itself.`);
  }
  const file = await realpath(found);
  if ((pathInside(folder, file) ?? pathInside(root, file)) === undefined) {
    throw new OutsideRoot(formatEntryPoint(entryPoint), file, folder);
  }
  return file;
}

/** The real folder of the package in the nearest node_modules that has it. */
async function findPackage(root: string, name: string): Promise<string | undefined> {
  for (let folder = root; ; folder = dirname(folder)) {
    // A folder that cannot be opened counts as missing; the one above is next.
    const found = await realpath(join(folder, "node_modules", name)).catch(() => undefined);
    if (found !== undefined || folder === dirname(folder)) return found;
  }
}

/** Names similar to the first folder or file of the path that does not exist. */
async function similarPaths(root: string, module: string): Promise<string[]> {
  const segments = module.split("/").filter((segment) => segment !== ".");
  for (const [depth, segment] of segments.entries()) {
    const above = segments.slice(0, depth);
    const names = await namesIn(root, join(root, ...above));
    if (!names.includes(segment)) {
      return similarNames(segment, names).map((name) => [...above, name].join("/"));
    }
  }
  return [];
}

/** Empty for a folder that a link moves outside of the root: posters must not see its names. */
async function namesIn(root: string, folder: string): Promise<string[]> {
  try {
    return pathInside(root, await realpath(folder)) === undefined ? [] : await readdir(folder);
  } catch {
    return []; // Suggestions are an extra: the caller throws in any case.
  }
}

/** The root has no file with that path. */
export class EntryFileNotFound extends PdoflowError {
  override readonly name = "EntryFileNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor({ module }: EntryPoint, root: string, similar: readonly string[], cause?: unknown) {
    const hint = didYouMean(similar) || " Paths of entry points are relative to the root.";
    super(`There is no file "${module}" in the root ${root}.${hint}`, { cause });
  }
}

/** The root's files could not import that package. `reason` describes the fault. */
export class PackageNotFound extends PdoflowError {
  override readonly name = "PackageNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(entryPoint: EntryPoint, reason: string, cause?: unknown) {
    super(
      `Expected ${formatEntryPoint(entryPoint)} to name a file (with its extension) or an ` +
        `installed package: ${reason}`,
      { cause },
    );
  }
}
