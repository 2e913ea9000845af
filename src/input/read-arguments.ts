import { type Format, formatOfName, sniffFormat } from "./format.ts";
import { JsonArray } from "./json-array.ts";
import { JsonLines } from "./json-lines.ts";
import type { Splitter } from "./splitter.ts";
import { decodeUtf8 } from "./utf8.ts";

/** `name` is for messages and, if the format is `auto`, for its ending. */
export interface InputOptions {
  readonly format: Format | "auto";
  readonly name: string;
}

/**
 * Reads the arguments of many jobs, one text for each as `encodeArgs` gives it, in the order of
 * the file. A batch has at most 1,000 texts and, but for its last text, at most 1 MiB; no batch is
 * empty. Memory is bounded by the chunks of `source` and the longest text, not by the file.
 *
 * `auto`: `.ndjson` and `.jsonl` are ndjson, `.json` is json, else the first lines tell.
 *
 * @throws {PdoflowError} with the place in the file, after some or all of the batches before it.
 */
export const readArguments = (
  source: AsyncIterable<Uint8Array>,
  options: InputOptions,
): AsyncGenerator<string[], void, undefined> => inBatches(argumentTexts(source, options));

async function* argumentTexts(
  source: AsyncIterable<Uint8Array>,
  { format, name }: InputOptions,
): AsyncGenerator<string[], void, undefined> {
  const known = format === "auto" ? formatOfName(name) : format;
  let splitter = known && splitterFor(known, name);
  let head = "";
  for await (const text of decodeUtf8(source, name)) {
    head += text;
    if (splitter === undefined) {
      const sniffed = sniffFormat(head, false);
      if (sniffed === undefined) continue;
      splitter = splitterFor(sniffed, name);
    }
    yield splitter.push(head);
    head = "";
  }
  splitter ??= splitterFor(sniffFormat(head, true) ?? "json", name);
  yield splitter.push(head);
  yield splitter.finish();
}

const splitterFor = (format: Format, name: string): Splitter =>
  format === "json" ? new JsonArray(name) : new JsonLines(name);

async function* inBatches(
  source: AsyncIterable<string[]>,
): AsyncGenerator<string[], void, undefined> {
  let batch: string[] = [];
  let characters = 0;
  for await (const texts of source) {
    for (const text of texts) {
      batch.push(text);
      characters += text.length;
      if (batch.length < 1000 && characters < 1024 * 1024) continue;
      yield batch;
      batch = [];
      characters = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
