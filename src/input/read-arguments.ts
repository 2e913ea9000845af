import type { JobBatch } from "../db/posting/batches.ts";
import { JobBatcher } from "../db/posting/job-batcher.ts";
import { type TableOptions, TableRows } from "./csv.ts";
import { type Format, formatOfName, sniffFormat } from "./format.ts";
import { JsonArray } from "./json-array.ts";
import { JsonLines, Lines, NullTexts } from "./lines.ts";
import { PriorityColumn } from "./priority-column.ts";
import type { SharedArguments } from "./shared-arguments.ts";
import type { Splitter } from "./splitter.ts";
import { uncompressed } from "./uncompressed.ts";
import { decodeUtf8 } from "./utf8.ts";

/** `name` is used in messages and, if the format is `auto`, for its extension. */
export interface InputOptions {
  readonly format: Format | "auto";
  readonly name: string;
  readonly table?: TableOptions;
  /** The column or key that holds the priority of each job instead of an argument. */
  readonly priorityColumn?: string | undefined;
  /** Whether to return jobs as soon as their text is read, because the source may be slow. */
  readonly isLive?: boolean;
  /** Further arguments of every job. */
  readonly shared?: SharedArguments | undefined;
}

/**
 * Reads the arguments of jobs in file order, each as a text in the form of `encodeArgs`. Memory use
 * depends on the chunks of `source` and the longest text, not on the file.
 *
 * With `auto`, the extension decides, such as `.ndjson` or `.csv`, else the first lines, which can
 * be JSON or NDJSON. Gzip is unpacked.
 *
 * @throws {PdoflowError} with the position in the file, after the batches before it.
 */
export async function* readArguments(
  source: AsyncIterable<Uint8Array>,
  options: InputOptions,
): AsyncGenerator<JobBatch, void, undefined> {
  const { priorityColumn, shared, isLive = false } = options;
  const priority = priorityColumn === undefined ? undefined : new PriorityColumn(priorityColumn);
  const batch = new JobBatcher();
  for await (const texts of argumentTexts(source, options, priority)) {
    const priorities = priority?.take();
    for (let i = 0; i < texts.length; i += 1) {
      const text = texts[i] ?? "";
      for (const args of shared === undefined ? [text] : shared.joinedTo(text, options.name)) {
        const full = batch.add(args, priorities?.[i]);
        if (full) yield full;
      }
    }
    const read = isLive ? batch.take() : null;
    if (read) yield read;
  }
  const rest = batch.take();
  if (rest) yield rest;
}

const byName: TableOptions = { isPositional: false, hasHeader: true, types: new Map() };

async function* argumentTexts(
  source: AsyncIterable<Uint8Array>,
  { format, name, table = byName }: InputOptions,
  priority: PriorityColumn | undefined,
): AsyncGenerator<string[], void, undefined> {
  const splitterFor = (known: Format): Splitter => {
    switch (known) {
      case "json":
        return new JsonArray(name, priority);
      case "ndjson":
        return new JsonLines(name, priority);
      case "csv":
        return new TableRows(name, ",", table, priority);
      case "tsv":
        return new TableRows(name, "\t", table, priority);
      case "lines":
        return new Lines(name);
      case "null":
        return new NullTexts(name);
    }
  };
  const named = formatOfName(name) ?? (table.separator === undefined ? undefined : "csv");
  const known = format === "auto" ? named : format;
  let splitter = known && splitterFor(known);
  let head = "";
  for await (const text of decodeUtf8(uncompressed(source, name), name)) {
    head += text;
    if (splitter === undefined) {
      const sniffed = sniffFormat(head, false);
      if (sniffed === undefined) continue;
      splitter = splitterFor(sniffed);
    }
    yield splitter.push(head);
    head = "";
  }
  splitter ??= splitterFor(sniffFormat(head, true) ?? "json");
  yield splitter.push(head);
  yield splitter.finish();
}
