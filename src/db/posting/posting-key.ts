import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** A key belongs to a posting of another entry point, so the work is not the same. */
export class KeyTaken extends PdoflowError {
  override readonly name = "KeyTaken";
  readonly exitCode = exitCodes.usage;
  constructor(key: string, id: number, found: string, wanted: string) {
    super(
      `the key "${key}" belongs to posting ${id} of ${found}; expected a key of its own for a ` +
        `posting of ${wanted}. Nothing was posted.`,
    );
  }
}
