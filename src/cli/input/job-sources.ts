import { createReadStream, type Stats } from "node:fs";
import { resolve } from "node:path";

import type { JobBatch } from "../../db/posting/batches.ts";
import { JobBatcher } from "../../db/posting/job-batcher.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { Sweep } from "../../domain/sweep.ts";
import { encodeArgs } from "../../job/values.ts";
import type { TableOptions } from "../../input/csv.ts";
import type { Format } from "../../input/format.ts";
import { readable } from "./readable.ts";
import { readArguments } from "../../input/read-arguments.ts";
import type { SharedArguments } from "../../input/shared-arguments.ts";
import { ArgumentsNotFound } from "./arguments-not-found.ts";
import type { CliContext } from "../shell/context.ts";
import { matchingFiles } from "./matching-files.ts";

/** The sources of job arguments that a command line names. */
export interface SourceOptions {
  files: readonly string[];
  globs: readonly string[];
  format: Format | "auto";
  /** The option that names the format; undefined if none does. */
  formatFlag: "-0" | "--each-line" | "--format" | undefined;
  table: TableOptions;
  priorityColumn: string | undefined;
  shared: SharedArguments | undefined;
  /** Whether they are values of a command, which runs once if there are none on a terminal. */
  isCommand: boolean;
  /** --no-args: one job without arguments. */
  hasNoArguments: boolean;
  /** Whether to return jobs of standard input as soon as they come. */
  isLive: boolean;
}

interface InputFile {
  name: string;
  bytes: AsyncIterable<Uint8Array>;
}

/** The jobs of a command line, read on demand. */
export class JobSources {
  /** For messages, such as "a.json, b.json". */
  readonly name: string;
  /** The size of all files; null if it is unknown. */
  readonly totalBytes: number | null;
  /** Nothing names any arguments, and a person would have to type them. */
  readonly isBare: boolean;
  bytesRead = 0;
  readonly #options: SourceOptions;
  readonly #files: readonly InputFile[];
  readonly #paths: readonly string[];

  private constructor(
    options: SourceOptions,
    files: readonly InputFile[],
    paths: readonly string[],
    totalBytes: number | null,
    isBare: boolean,
  ) {
    this.isBare = isBare;
    this.#options = options;
    this.#files = files;
    this.#paths = paths;
    this.totalBytes = totalBytes;
    const names = [...files.map((file) => file.name), ...options.globs];
    this.name = names.length === 0 ? "the command line" : names.join(", ");
  }

  /** @throws {ArgumentsNotFound} {InvalidInput} before anything is read. */
  static async open(options: SourceOptions, context: CliContext): Promise<JobSources> {
    const { globs, shared, isCommand } = options;
    const { stdin: isTyped } = context.isTerminal;
    const { hasNoArguments } = options;
    const hasSource = options.files.length + globs.length > 0 || shared !== undefined;
    if (hasNoArguments && hasSource) {
      throw new InvalidInput("--no-args", [
        "expected no file, --args, --kw, --each or --from-glob",
      ]);
    }
    if (!hasSource && isTyped && options.formatFlag !== undefined) {
      throw new InvalidInput(options.formatFlag, [
        "expected a file with it, or - for standard input, found neither",
      ]);
    }
    const names = hasSource || isTyped || hasNoArguments ? options.files : ["-"];
    const isBare = !hasSource && isTyped && !isCommand && !hasNoArguments;
    if (names.filter((name) => name === "-").length > 1) {
      throw new InvalidInput("arguments", ["expected - at most once, found it twice"]);
    }
    const files: InputFile[] = [];
    let totalBytes: number | null = 0;
    for (const name of names) {
      if (name === "-") {
        files.push({ name: "standard input", bytes: context.stdin });
        totalBytes = null;
        continue;
      }
      const path = resolve(context.cwd, name);
      const stats: Stats = await statsOf(name, path);
      if (totalBytes !== null) totalBytes += stats.size;
      // A stream of Bun cannot read /dev/null.
      const isDevice = stats.isCharacterDevice();
      files.push({ name, bytes: isDevice ? createReadStream(path) : Bun.file(path).stream() });
    }
    const paths = [];
    for (const pattern of globs) paths.push(...(await matchingFiles(pattern, context.cwd)));
    return new JobSources(options, files, paths, totalBytes === 0 ? null : totalBytes, isBare);
  }

  /** The jobs of the command line alone, if they need not be stored. */
  get sweep(): Sweep | null {
    const { shared, globs, isCommand } = this.#options;
    if (isCommand) return null; // each command is made of its values when it is posted
    return this.#files.length + globs.length === 0 ? (shared?.sweep() ?? null) : null;
  }

  async *batches(): AsyncGenerator<JobBatch, void, undefined> {
    const { format, table, priorityColumn, shared } = this.#options;
    // Jobs with priorities are sorted before the first one can be posted.
    const isLive = this.#options.isLive && priorityColumn === undefined;
    for (const { name, bytes } of this.#files) {
      const options = { name, format, table, priorityColumn, shared, isLive };
      yield* readArguments(this.#counted(name, bytes), options);
    }
    const batch = new JobBatcher();
    const isAlone = this.#files.length + this.#options.globs.length === 0;
    const texts = isAlone ? ["[]"] : this.#paths.map((path) => encodeArgs([path]));
    for (const text of texts) {
      for (const args of shared?.joinedTo(text, this.name, isAlone) ?? [text]) {
        const full = batch.add(args);
        if (full) yield full;
      }
    }
    const rest = batch.take();
    if (rest) yield rest;
  }

  async *#counted(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of readable(name, bytes)) {
      this.bytesRead += chunk.length;
      yield chunk;
    }
  }
}

async function statsOf(name: string, path: string): Promise<Stats> {
  const found = await Bun.file(path)
    .stat()
    .catch(() => null); // reported below
  if (!found) throw new ArgumentsNotFound(`there is no file "${name}". Nothing was posted.`);
  if (found.isDirectory()) {
    const remedy = `To post its files, use --from-glob '${name.replace(/\/$/, "")}/*'`;
    throw new InvalidInput(name, [`expected a file of arguments, found a folder. ${remedy}`]);
  }
  return found;
}
