import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The file of arguments can't be read. */
export class ArgumentsNotFound extends PdoflowError {
  override readonly name = "ArgumentsNotFound";
  readonly exitCode = exitCodes.notFound;
}
