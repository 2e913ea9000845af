import { closeSync, readSync, writeSync } from "node:fs";

import { createUnnamedFile } from "../../pool/wire/unnamed-file.ts";

/** More lines than this go to an unnamed file, so that memory use stays small. */
const bufferBytes = 4 * 1024 * 1024;
const blockBytes = 256 * 1024;

/** Lines that are written and then read once. */
export class RowSpool implements Disposable {
  #buffer: string[] = [];
  #bufferedLength = 0;
  #file: number | null = null;

  /** Each line ends with a line break. */
  add(lines: string): void {
    this.#buffer.push(lines);
    this.#bufferedLength += lines.length;
    if (this.#bufferedLength > bufferBytes) this.#flush();
  }

  #flush(): void {
    this.#file ??= createUnnamedFile();
    const bytes = Buffer.from(this.#buffer.join(""));
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
    this.#buffer = [];
    this.#bufferedLength = 0;
  }

  /** All lines in order, in blocks. */
  *batches(): Generator<string[]> {
    if (this.#file === null) {
      yield linesOf(this.#buffer.join(""));
      return;
    }
    this.#flush();
    const block = Buffer.allocUnsafe(blockBytes);
    const decoder = new TextDecoder();
    let rest = "";
    for (let at = 0; ;) {
      const size = readSync(this.#file, block, 0, blockBytes, at);
      if (size === 0) break;
      at += size;
      const text = rest + decoder.decode(block.subarray(0, size), { stream: true });
      const end = text.lastIndexOf("\n") + 1;
      rest = text.slice(end);
      yield linesOf(text.slice(0, end));
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
