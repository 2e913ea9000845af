import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** A key was given before, to a posting of another entry point: surely not the same work. */
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
