import type { JobBatch } from "../../db/posting/batches.ts";
import { encodeArgs } from "../../job/values.ts";
import { type CommandInput, commandOf } from "../../pool/worker/command-line.ts";

/** The jobs of a command: its words, with the placeholders replaced by the input values. */
export async function* commandJobs(
  template: readonly string[],
  batches: AsyncIterable<JobBatch>,
): AsyncGenerator<JobBatch> {
  let number = 0;
  for await (const { args, priorities } of batches) {
    const lines = args.map((text) => {
      const input = JSON.parse(text) as CommandInput; // a list or an object, as it was read
      return encodeArgs(commandOf(template, input, ++number));
    });
    yield { args: lines, priorities };
  }
}
