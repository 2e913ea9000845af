import { errorCode } from "../../db/connection/connect.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** `close()` was called while other code still used the connections. */
export class ConnectionClosed extends PdoflowError {
  override readonly name = "ConnectionClosed";
  readonly exitCode = exitCodes.usage;
  constructor(cause: unknown) {
    super(
      "Expected the connections to the queue to stay open, found them ended by close(). " +
        "Await all other calls before you call close().",
      { cause },
    );
  }
}

/** Whether this process itself ended the connections, so that repeating a query cannot help. */
export const wasClosed = (error: unknown): boolean =>
  /^CONNECTION_(ENDED|DESTROYED)$/.test(errorCode(error) ?? "");
