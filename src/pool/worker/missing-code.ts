import { RootNotFound } from "../../domain/entry-point.ts";
import { EntryFileNotFound, PackageNotFound } from "../entry/entry-file.ts";
import { type EntryFunction, ExportNotFound, ImportFailed } from "../entry/load-entry-point.ts";

/**
 * Why an entry point can't be run with the code of this root: a file, an export or an import is
 * missing, as it is where a machine has older code than the poster. Null where it loads, and where
 * it fails in another way: then its code is here, and its jobs fail.
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
      (error instanceof ImportFailed && isUnresolved(error.cause));
    return isMissing ? error.message : null;
  }
}

/** What runtimes throw for an import that leads nowhere. */
function isUnresolved(cause: unknown): boolean {
  const { name, code }: { name?: unknown; code?: unknown } = Object(cause ?? {});
  return (
    name === "ResolveMessage" || code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND"
  );
}
