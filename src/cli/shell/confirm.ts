import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** Something that can't be undone was asked for, and nobody has said yes. */
export class NotConfirmed extends PdoflowError {
  override readonly name = "NotConfirmed";
  readonly exitCode = exitCodes.usage;
}

export interface Asking {
  /** Whether someone sits there who can answer. */
  isTerminal: boolean;
  input: AsyncIterable<Uint8Array | string>;
  ask: (text: string) => void;
}

/**
 * Resolves where `isSure`, or someone at the terminal says yes to `what`, as in "cancel 3 postings
 * with 1,200 jobs".
 *
 * @throws {NotConfirmed} in all other cases.
 */
export async function confirm(what: string, isSure: boolean, asking: Asking): Promise<void> {
  if (isSure) return;
  if (!asking.isTerminal) {
    throw new NotConfirmed(`would ${what}. Nothing was changed: say --yes to do it.`);
  }
  asking.ask(`${what[0]?.toUpperCase()}${what.slice(1)}? [y/N] `);
  const answer = await firstLine(asking.input);
  if (!/^(y|yes)$/i.test(answer.trim())) throw new NotConfirmed("Nothing was changed.");
}

async function firstLine(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of input) {
    text += typeof part === "string" ? part : decoder.decode(part, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}
