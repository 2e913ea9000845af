import { closeSync, ftruncateSync, read, write } from "node:fs";
import { promisify } from "node:util";

import { createUnnamedFile } from "./unnamed-file.ts";

const readAt = promisify(read);
const writeAt = promisify(write);

/** The number of bytes in memory at a time. */
const blockBytes = 256 * 1024;
/** A file that has grown beyond this gets no more bytes, so that its space is freed soon. */
const segmentBytes = 64 * 1024 * 1024;

/** A file of the spool, with the number of pieces in it that are still needed. */
interface Segment {
  readonly file: number;
  size: number;
  pieces: number;
}

/**
 * Bytes that wait for their turn, on disk, so that memory use stays small. The files are in the
 * temp folder and have no name: they disappear when this process ends, however it ends.
 */
export class Spool {
  #current: Segment | null = null;
  #copied: Promise<void> = Promise.resolve();

  /** Resolves when all pieces so far are copied: their source files may change then. */
  get copied(): Promise<void> {
    return this.#copied;
  }

  /** Copies the bytes of `file` between two offsets. The copy is made after this returns. */
  copy(file: number, from: number, to: number): SpoolRange {
    const length = Math.max(to - from, 0);
    if (length === 0) return new SpoolRange(-1, 0, 0, Promise.resolve(), () => {});
    const segment = this.#segment();
    const start = segment.size;
    segment.size += length;
    segment.pieces++;
    const ready = this.#copied.then(() => copyBytes(file, from, length, segment.file, start));
    this.#copied = ready.catch(() => {}); // the reader of the piece gets the error
    return new SpoolRange(
      segment.file,
      start,
      length,
      this.#copied.then(() => ready),
      () => this.#release(segment),
    );
  }

  #segment(): Segment {
    if (this.#current === null || this.#current.size >= segmentBytes) {
      const full = this.#current;
      this.#current = { file: createUnnamedFile(), size: 0, pieces: 0 };
      if (full?.pieces === 0) closeSync(full.file);
    }
    return this.#current;
  }

  #release(segment: Segment): void {
    segment.pieces--;
    if (segment.pieces > 0) return;
    if (segment !== this.#current) return closeSync(segment.file);
    ftruncateSync(segment.file, 0);
    segment.size = 0;
  }
}

/** Bytes in a spool. They exist until they are read, or until this is disposed of. */
export class SpoolRange implements Disposable {
  readonly length: number;
  readonly #file: number;
  readonly #start: number;
  readonly #ready: Promise<void>;
  readonly #release: () => void;
  #isReleased = false;

  constructor(
    file: number,
    start: number,
    length: number,
    ready: Promise<void>,
    release: () => void,
  ) {
    this.#file = file;
    this.#start = start;
    this.length = length;
    this.#ready = ready;
    this.#release = release;
    ready.catch(() => {}); // if nobody reads it
  }

  /**
   * The bytes, block by block.
   *
   * @throws the error of copying them, such as a full disk.
   */
  async *blocks(): AsyncGenerator<Uint8Array> {
    try {
      await this.#ready;
      for (let at = 0; at < this.length;) {
        const block = Buffer.allocUnsafe(Math.min(blockBytes, this.length - at));
        const { bytesRead } = await readAt(this.#file, block, 0, block.length, this.#start + at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield block.subarray(0, bytesRead);
      }
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    // Not before it is copied: its space could belong to another one by then.
    void this.#ready.catch(() => {}).then(this.#release);
  }
}

/** Copies `length` bytes, or fewer if the file has become shorter. */
async function copyBytes(
  from: number,
  offset: number,
  length: number,
  to: number,
  start: number,
): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, length));
  for (let at = 0; at < length;) {
    const most = Math.min(block.length, length - at);
    const { bytesRead } = await readAt(from, block, 0, most, offset + at);
    if (bytesRead === 0) return;
    for (let done = 0; done < bytesRead;) {
      const left = bytesRead - done;
      const { bytesWritten } = await writeAt(to, block, done, left, start + at + done);
      done += bytesWritten;
    }
    at += bytesRead;
  }
}
