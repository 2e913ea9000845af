import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** A function, named in messages. */
type Named = { readonly name: string };

/** `entryPointOf` was called with a function that `job` has not marked. */
export class NotAJob extends PdoflowError {
  override readonly name = "NotAJob";
  readonly exitCode = exitCodes.usage;
  constructor(fn: unknown) {
    const other = fn === null ? "null" : `a value of type ${typeof fn}`;
    const found = typeof fn === "function" ? named(fn) : other;
    super(
      `Expected a function that job() marked, found ${found}. Write it as ` +
        "`export const fit = job(async …)`, or post it by its entry point, file.ts#name.",
    );
  }
}

/** A worker could not import the job: the file that marked it is unknown, or not on disk. */
export class JobFileNotFound extends PdoflowError {
  override readonly name = "JobFileNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(fn: Named, file: string | undefined, cause?: unknown) {
    const where = file === undefined ? "outside of a file" : `in ${file}, which can't be opened`;
    super(
      `The job ${named(fn)} was marked ${where}. Expected a file on disk, for workers to import: ` +
        `mark it in one, or give job(fn, { file: "path/to/file.ts", name }).`,
      { cause },
    );
  }
}

/** The file that marked the job exports no such function, so a worker could not find it. */
export class JobNotExported extends PdoflowError {
  override readonly name = "JobNotExported";
  readonly exitCode = exitCodes.notFound;
  constructor(fn: Named, file: string) {
    super(
      `Expected ${file} to export the job ${named(fn)}, found no export that is this function. ` +
        "Export it there, or give job(fn, { name }) the name that it is exported by.",
    );
  }
}

/** The file of the job is still being imported, so its exports cannot be read. */
export class JobStillLoading extends PdoflowError {
  override readonly name = "JobStillLoading";
  readonly exitCode = exitCodes.usage;
  constructor(fn: Named, file: string) {
    super(
      `Expected ${file}, with the job ${named(fn)}, to be loaded; it is still being imported. ` +
        "Give job(fn, { name }) the name that it is exported by, or post it from another file.",
    );
  }
}

export function named(fn: Named): string {
  return fn.name === "" ? "(a function without a name)" : JSON.stringify(fn.name);
}
