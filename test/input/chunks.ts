import * as fc from "fast-check";

import { decodeArgs } from "../../src/job/values.ts";
import type { Format } from "../../src/input/format.ts";
import { readArguments } from "../../src/input/read-arguments.ts";
import { spell } from "../job/any-value.ts";

/** Gives `text` as UTF-8 in pieces of these sizes, over and over; in one piece by default. */
export async function* chunks(
  text: string | Uint8Array,
  sizes: readonly number[] = [Infinity],
): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export const anySizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });

/** All texts that `readArguments` gives for `text`. */
export async function read(
  text: string | Uint8Array,
  name: string,
  { format = "auto", sizes }: { format?: Format | "auto"; sizes?: readonly number[] } = {},
): Promise<string[]> {
  const batches = await Array.fromAsync(readArguments(chunks(text, sizes), { format, name }));
  return batches.flatMap(({ args }) => args);
}

/** The message of the error that reading ends with. */
export const fault = (text: string | Uint8Array, name: string, sizes?: readonly number[]) =>
  read(text, name, sizes && { sizes }).then(
    (texts) => `no error: ${texts.join()}`,
    (error: Error) => error.message,
  );

export const spelled = (texts: readonly string[]) => texts.map((text) => spell(decodeArgs(text)));
