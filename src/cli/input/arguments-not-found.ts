import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The file of arguments does not exist. */
export class ArgumentsNotFound extends PdoflowError {
  override readonly name = "ArgumentsNotFound";
  readonly exitCode = exitCodes.notFound;
}
