import { RootNotFound } from "../../domain/entry-point.ts";
import { EntryFileNotFound, PackageNotFound } from "../entry/entry-file.ts";
import { CommandsNotAllowed } from "./command-line.ts";
import { type EntryFunction, ExportNotFound, ImportFailed } from "../entry/load-entry-point.ts";

/**
 * The reason why an entry point cannot be run with the code of this root: a file, an export or an
 * import is missing, as on a machine with older code than the poster. Null if it loads, or if it
 * fails in another way: then its code is here, and its jobs fail.
 */
export async function missingCode(fn: Promise<EntryFunction>): Promise<string | null> {
  try {
    await fn;
    return null;
  } catch (error) {
    const isMissing =
      error instanceof EntryFileNotFound ||
      error instanceof PackageNotFound ||
      error instanceof RootNotFound ||
      error instanceof ExportNotFound ||
      error instanceof CommandsNotAllowed ||
      (error instanceof ImportFailed && isUnresolved(error.cause));
    return isMissing ? error.message : null;
  }
}

/** The errors of runtimes for an import that cannot be resolved. */
function isUnresolved(cause: unknown): boolean {
  const { name, code }: { name?: unknown; code?: unknown } = Object(cause ?? {});
  return (
    name === "ResolveMessage" || code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND"
  );
}
