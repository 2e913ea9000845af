import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** A notification could not be delivered at this attempt. */
export class NotificationFailed extends PdoflowError {
  override readonly name = "NotificationFailed";
  readonly exitCode = exitCodes.jobsFailed;
  constructor(receiver: string, how: string) {
    super(`receiver ${receiver}: ${how}`);
    delete this.stack; // there is nothing of the user's in it
  }
}
