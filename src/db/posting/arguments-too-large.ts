import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/**
 * In characters of JSON. PostgreSQL takes more, but a worker would need several times as much
 * memory.
 */
export const largestArguments = 64 * 2 ** 20;

/** The arguments of one job exceed the limit. */
export class ArgumentsTooLarge extends PdoflowError {
  override readonly name = "ArgumentsTooLarge";
  readonly exitCode = exitCodes.usage;
  /** The index of the job in the posting, from 0. */
  readonly index: number;
  constructor(index: number, length: number) {
    const found = (length / 2 ** 20).toFixed(1);
    super(
      `Job ${index}: its arguments are ${found} MiB, the limit is 64 MiB. Put them into ` +
        "a file and pass its name. Nothing was posted.",
    );
    this.index = index;
  }
}
