import { closeSync, writeSync } from "node:fs";

import { createUnnamedFile } from "./unnamed-file.ts";

/** The maximum number of chunks of a worker: one that runs, and one that waits behind it. */
export const chunksPerWorker = 2;

const runningChunk = chunksPerWorker;
const runningPosition = chunksPerWorker + 1;
const outputStarts = chunksPerWorker + 2;
const signalChunk = chunksPerWorker + 4;
const signalPosition = chunksPerWorker + 5;
const receivedChunk = chunksPerWorker + 6;
const stopSignalChunk = chunksPerWorker + 7;
const stopSignalPosition = chunksPerWorker + 8;
const pageBytes = 64;

/** The maximum that fits into one word of the page. */
const largestChunk = 0xfff;

/** A job, as a page has it. */
interface PagePosition {
  chunk: number;
  position: number;
}

/**
 * 64 bytes of memory that a pool and one worker share, so that a worker in a busy loop can still be
 * asked what it runs, and jobs that it has not started can be taken back from it.
 *
 *   S1  At each index one word holds chunk << 24 | next << 12 | limit: the worker starts position
 *       `next` of that chunk if next < limit. Both sides change it by compare-and-exchange only, so
 *       that each position is either started by the worker or recalled by the pool, never both.
 *   S2  A word is loaded again as soon as its chunk has ended for the pool, when the worker may
 *       still be about to ask for its next position: hence the chunk's number (its low 8 bits).
 *   S3  The words of the running job are written by the worker alone: chunk and position, or -1;
 *       and those of the last job that asked for its signal, and of the last one whose process
 *       has received a stop signal.
 *   S4  One word is the number of the newest chunk that the worker has received, or -1. Chunks
 *       sent after that may still be in the channel, in the memory of the pool.
 *
 * The worker runs user code, which may write anything here. The pool therefore compares it with the
 * chunks that it has handed out.
 */
export class SharedPage {
  readonly #words: Int32Array;

  private constructor(path: string) {
    const memory = Bun.mmap(path, { shared: true });
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, pageBytes / 4);
  }

  /** Makes a page with no chunk and nothing running, and its file, for the worker to inherit. */
  static create(): { page: SharedPage; file: number } {
    const file = createUnnamedFile();
    try {
      // Written, not only extended: on a full disk the write fails here; otherwise the first access
      // to a page without room on the disk would be a SIGBUS.
      writeSync(file, new Uint8Array(pageBytes), 0, pageBytes, 0);
      const page = SharedPage.inherited(file);
      page.rest();
      Atomics.store(page.#words, signalPosition, -1);
      Atomics.store(page.#words, stopSignalPosition, -1);
      page.receive(-1);
      return { page, file };
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** The page in a file that is open in this process, as a worker inherits it. */
  static inherited(file: number): SharedPage {
    return new SharedPage(`/dev/fd/${file}`);
  }

  /** Pool: puts chunk number `chunk`, of `size` jobs, at `index`. */
  load(index: number, chunk: number, size: number): void {
    if (size > largestChunk) throw new RangeError(`a chunk of ${size} jobs is too large`);
    Atomics.store(this.#words, index, ((chunk & 0xff) << 24) | size);
  }

  /** Worker: the position to start next of `chunk`, or -1 if none is left. */
  take(index: number, chunk: number): number {
    for (;;) {
      const word = Atomics.load(this.#words, index);
      const next = nextOf(word);
      if (word >>> 24 !== (chunk & 0xff) || next >= limitOf(word)) return -1;
      if (Atomics.compareExchange(this.#words, index, word, word + 0x1000) === word) return next;
    }
  }

  /** Pool: takes back at most `most` positions that were not started, the last ones. */
  withdraw(index: number, most: number): { from: number; to: number } {
    for (;;) {
      const word = Atomics.load(this.#words, index);
      const to = limitOf(word);
      const from = Math.max(nextOf(word), to - most);
      if (from >= to) return { from: to, to };
      const shorter = (word & ~0xfff) | from;
      if (Atomics.compareExchange(this.#words, index, word, shorter) === word) return { from, to };
    }
  }

  /** Pool: the number of positions of the chunk at `index` that the worker has not started. */
  unstarted(index: number): number {
    const word = Atomics.load(this.#words, index);
    return Math.max(limitOf(word) - nextOf(word), 0);
  }

  /**
   * Pool: whether the worker may report that `count` positions of the chunk at `index`, from
   * `position` on, have ended.
   */
  mayHaveEnded(index: number, chunk: number, position: number, count = 1): boolean {
    const word = Atomics.load(this.#words, index);
    const running = this.running();
    const end = position + count;
    const runs = running?.chunk === chunk && running.position >= position && running.position < end;
    return word >>> 24 === (chunk & 0xff) && end <= nextOf(word) && !runs;
  }

  /** Worker: chunk number `chunk` has arrived. */
  receive(chunk: number): void {
    Atomics.store(this.#words, receivedChunk, chunk);
  }

  /** Pool: the newest chunk that has arrived, or -1. */
  received(): number {
    return Atomics.load(this.#words, receivedChunk);
  }

  /** Worker: this job runs from now on, and its output begins at these offsets of the files. */
  run(chunk: number, position: number, starts: readonly [number, number] = [0, 0]): void {
    Atomics.store(this.#words, outputStarts, starts[0]);
    Atomics.store(this.#words, outputStarts + 1, starts[1]);
    Atomics.store(this.#words, runningChunk, chunk);
    Atomics.store(this.#words, runningPosition, position);
  }

  /**
   * Pool: the offsets in the files of stdout and stderr at which the output of the running job
   * begins.
   */
  outputStarts(): [number, number] {
    return [
      Math.max(Atomics.load(this.#words, outputStarts), 0),
      Math.max(Atomics.load(this.#words, outputStarts + 1), 0),
    ];
  }

  /** Worker: no job runs. */
  rest(): void {
    Atomics.store(this.#words, runningPosition, -1);
  }

  /** Worker: the running job listens to its signal. */
  askSignal(): void {
    this.#copyRunning(signalChunk, signalPosition);
  }

  /** Pool: whether a running job has asked for its signal. */
  hasSignal(job: PagePosition): boolean {
    return this.#isAt(signalChunk, signalPosition, job);
  }

  /** Worker: its process has received a stop signal, to which code of the user listens. */
  receiveStopSignal(): void {
    this.#copyRunning(stopSignalChunk, stopSignalPosition);
  }

  /** Whether the process has received such a signal while this job ran. */
  hasStopSignal(job: PagePosition): boolean {
    return this.#isAt(stopSignalChunk, stopSignalPosition, job);
  }

  #copyRunning(chunk: number, position: number): void {
    Atomics.store(this.#words, chunk, Atomics.load(this.#words, runningChunk));
    Atomics.store(this.#words, position, Atomics.load(this.#words, runningPosition));
  }

  #isAt(chunk: number, position: number, job: PagePosition): boolean {
    return (
      Atomics.load(this.#words, chunk) === job.chunk &&
      Atomics.load(this.#words, position) === job.position
    );
  }

  /** Pool: the running job, or null. */
  running(): PagePosition | null {
    const position = Atomics.load(this.#words, runningPosition);
    return position < 0 ? null : { chunk: Atomics.load(this.#words, runningChunk), position };
  }
}

const nextOf = (word: number) => (word >>> 12) & 0xfff;
const limitOf = (word: number) => word & 0xfff;
