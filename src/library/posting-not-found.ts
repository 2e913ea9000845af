import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** The posting is not in the database: it was removed, or is in another database. */
export class PostingNotFound extends PdoflowError {
  override readonly name = "PostingNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(id: number) {
    super(
      `Expected posting ${id} in the database, found none. It was removed, or is in another ` +
        "database: `pdoflow status` lists those that there are.",
    );
  }
}
