import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The user did not confirm an action that cannot be undone. */
export class NotConfirmed extends PdoflowError {
  override readonly name = "NotConfirmed";
  readonly exitCode = exitCodes.usage;
}

export interface ConfirmContext {
  /** Whether a user can answer. */
  isTerminal: boolean;
  input: AsyncIterable<Uint8Array | string>;
  ask: (text: string) => void;
}

/**
 * Resolves if `isSure`, or if the user answers yes to `what`, such as "cancel 3 postings with 1,200
 * jobs".
 *
 * @throws {NotConfirmed} otherwise.
 */
export async function confirm(
  what: string,
  isSure: boolean,
  prompt: ConfirmContext,
): Promise<void> {
  if (isSure) return;
  if (!prompt.isTerminal) {
    throw new NotConfirmed(`would ${what}. Nothing was changed. To confirm, add --yes.`);
  }
  prompt.ask(`${what[0]?.toUpperCase()}${what.slice(1)}? [y/N] `);
  const answer = await firstLine(prompt.input);
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
