import type { JobBatch } from "../../db/posting/batches.ts";
import { encodeArgs } from "../../job/values.ts";
import { type CommandInput, commandOf, type CommandWord } from "../../pool/worker/command-line.ts";

/** Receives each command as it is read: its number from 1, its values, and its words. */
export type NoteCommand = (
  number: number,
  input: CommandInput,
  words: readonly CommandWord[],
) => void;

/** The jobs of a command: its words, with the placeholders replaced by the input values. */
export async function* commandJobs(
  template: readonly string[],
  batches: AsyncIterable<JobBatch>,
  note: NoteCommand = () => {},
): AsyncGenerator<JobBatch> {
  let number = 0;
  for await (const { args, priorities } of batches) {
    const lines = args.map((text) => {
      const input = JSON.parse(text) as CommandInput; // a list or an object, as it was read
      const words = commandOf(template, input, ++number);
      note(number, input, words);
      return encodeArgs(words);
    });
    yield { args: lines, priorities };
  }
}
