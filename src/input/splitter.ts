import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** Takes the text of a file in pieces and returns complete argument texts. */
export interface Splitter {
  push(text: string): string[];
  /**
   * After the last piece.
   *
   * @throws if the file ends inside a value.
   */
  finish(): string[];
}

/** The arguments of one job are too long for jsonb, or a quote or bracket is missing. */
export class ArgumentsTooLong extends PdoflowError {
  override readonly name = "ArgumentsTooLong";
  readonly exitCode = exitCodes.usage;
  constructor(element: string) {
    super(
      `${element}: expected at most 256 MiB, the limit of jsonb, found more. Pass the path of a ` +
        "file instead, or check for a missing bracket or quote.",
    );
  }
}

/** Limits the text in memory. @throws {ArgumentsTooLong} */
export function refuseLonger(text: string, element: string): void {
  if (text.length > 256 * 1024 * 1024) throw new ArgumentsTooLong(element);
}
