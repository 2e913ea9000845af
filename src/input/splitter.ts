import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** Takes the text of a file piece by piece and gives the argument texts that are complete. */
export interface Splitter {
  push(text: string): string[];
  /** After the last piece. @throws if the file ends inside something. */
  finish(): string[];
}

/** One job's arguments are longer than jsonb can hold; or a quote or bracket is missing. */
export class ArgumentsTooLong extends PdoflowError {
  override readonly name = "ArgumentsTooLong";
  readonly exitCode = exitCodes.usage;
  constructor(element: string) {
    super(
      `${element} is longer than 256 MiB, the most that jsonb can hold. ` +
        "Pass the path of a file instead; or is a bracket or a quote missing?",
    );
  }
}

/** Keeps what is held in memory bounded, whatever the file. */
export function refuseLonger(held: string, element: string): void {
  if (held.length > 256 * 1024 * 1024) throw new ArgumentsTooLong(element);
}
