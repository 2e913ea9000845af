import { resolve } from "node:path";

import type { JobBatch } from "../../db/posting/batches.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { encodeArgs } from "../../job/values.ts";
import type { TableOptions } from "../../input/csv.ts";
import type { Format } from "../../input/format.ts";
import { Batch, readArguments } from "../../input/read-arguments.ts";
import type { SharedArguments } from "../../input/shared-arguments.ts";
import { ArgumentsNotFound } from "./arguments-not-found.ts";
import type { CliContext } from "../shell/context.ts";
import { matchingFiles } from "./matching-files.ts";

/** Where the arguments of the jobs of a command come from. */
export interface SourceOptions {
  files: readonly string[];
  globs: readonly string[];
  format: Format | "auto";
  table: TableOptions;
  priorityColumn: string | undefined;
  shared: SharedArguments | undefined;
}

interface InputFile {
  name: string;
  bytes: AsyncIterable<Uint8Array>;
}

/** The jobs of a command line, read as they are asked for. */
export class JobSources {
  /** For messages: where the jobs come from. */
  readonly name: string;
  /** How much there is to read; null where that is not known. */
  readonly totalBytes: number | null;
  bytesRead = 0;
  readonly #wish: SourceOptions;
  readonly #files: readonly InputFile[];
  readonly #paths: readonly string[];

  private constructor(
    wish: SourceOptions,
    files: readonly InputFile[],
    paths: readonly string[],
    totalBytes: number | null,
  ) {
    this.#wish = wish;
    this.#files = files;
    this.#paths = paths;
    this.totalBytes = totalBytes;
    const names = [...files.map((file) => file.name), ...wish.globs];
    this.name = names.length === 0 ? "the command line" : names.join(", ");
  }

  /** @throws {ArgumentsNotFound} {InvalidInput} before anything is read. */
  static async open(wish: SourceOptions, context: CliContext): Promise<JobSources> {
    const { globs, shared } = wish;
    const isNamed = wish.files.length + globs.length > 0;
    if (!isNamed && shared === undefined && context.isTerminal.stdin) {
      throw new InvalidInput("arguments", [
        "expected a file of arguments, - for a pipe, or --args, --each or --from-glob",
      ]);
    }
    const names = isNamed || shared !== undefined ? wish.files : ["-"];
    if (names.filter((name) => name === "-").length > 1) {
      throw new InvalidInput("arguments", ["expected - once: standard input can be read once"]);
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
      const size: number = await sizeOf(name, path);
      if (totalBytes !== null) totalBytes += size;
      files.push({ name, bytes: Bun.file(path).stream() });
    }
    const paths = [];
    for (const pattern of globs) paths.push(...(await matchingFiles(pattern, context.cwd)));
    return new JobSources(wish, files, paths, totalBytes === 0 ? null : totalBytes);
  }

  async *batches(): AsyncGenerator<JobBatch, void, undefined> {
    const { format, table, priorityColumn, shared } = this.#wish;
    for (const { name, bytes } of this.#files) {
      const options = { name, format, table, priorityColumn, shared };
      yield* readArguments(this.#counted(bytes), options);
    }
    const batch = new Batch(false);
    const isAlone = this.#files.length + this.#wish.globs.length === 0;
    const texts = isAlone ? ["[]"] : this.#paths.map((path) => encodeArgs([path]));
    for (const text of texts) {
      for (const args of shared?.joinedTo(text, this.name) ?? [text]) {
        const full = batch.add(args);
        if (full) yield full;
      }
    }
    const rest = batch.take();
    if (rest) yield rest;
  }

  async *#counted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      this.bytesRead += chunk.length;
      yield chunk;
    }
  }
}

async function sizeOf(name: string, path: string): Promise<number> {
  const found = await Bun.file(path)
    .stat()
    .catch(() => null); // told just below
  if (!found) throw new ArgumentsNotFound(`there is no file "${name}". Nothing was posted.`);
  if (found.isDirectory()) {
    const remedy = `for its files: --from-glob '${name.replace(/\/$/, "")}/*'`;
    throw new InvalidInput(name, [`expected a file of arguments, found a folder; ${remedy}`]);
  }
  return found.size;
}
