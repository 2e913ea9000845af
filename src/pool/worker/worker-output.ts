import { isLong, nextStart, readOutput, sizeOfOutput, takeOutput } from "../wire/output-file.ts";
import type { Output } from "../wire/ends.ts";

/** Checking a file costs a system call, more than many a job takes: */
const lookAfterMs = 0.05;

/** The functions of the console, by the file that they write to. */
const printing = {
  1: ["log", "info", "debug", "table", "dir"],
  2: ["warn", "error", "trace"],
} as const;

/** In a worker: the output of each job, in the files of its stdout and stderr. */
export class WorkerOutput {
  starts: [number, number] = [0, 0];
  /** Whether the running job has called a function that prints to stdout, or stderr. */
  readonly #hasPrinted = { 1: false, 2: false };
  #onEmptied = () => {};

  constructor() {
    // A job that writes by other means than these (a child process, a file descriptor) takes longer
    // than `lookAfterMs` anyway.
    this.#notice(process.stdout, "write", 1);
    this.#notice(process.stderr, "write", 2);
    for (const name of printing[1]) this.#notice(console, name, 1);
    for (const name of printing[2]) this.#notice(console, name, 2);
  }

  /** After a job: its output; null if it is empty or not wanted. */
  collect(durationMs: number, isWanted: boolean): Output | null {
    const hasPrinted = this.#hasPrinted;
    const isLong = durationMs >= lookAfterMs;
    const stdout = isLong || hasPrinted[1] ? this.#read(1, isWanted) : null;
    const stderr = isLong || hasPrinted[2] ? this.#read(2, isWanted) : null;
    hasPrinted[1] = false;
    hasPrinted[2] = false;
    return stdout === null && stderr === null ? null : { stdout, stderr };
  }

  /**
   * After a command: the output to keep, and the offsets of all its output. The files are not
   * emptied here: the pool has to read them first.
   */
  collectWhole(isWanted: boolean): Output | null {
    const [outFrom, errFrom] = this.starts;
    const [out, err] = [sizeOfOutput(1), sizeOfOutput(2)];
    if (out === outFrom && err === errFrom) return null;
    const [stdout, stderr] = isWanted
      ? [readOutput(1, outFrom), readOutput(2, errFrom)]
      : [null, null];
    this.starts = [out, err];
    return { stdout, stderr, ranges: [outFrom, out, errFrom, err] };
  }

  /** Whether the pool should empty the files before the next command. */
  get isLong(): boolean {
    return this.starts.some(isLong);
  }

  /** Resolves when the pool, which `ask` asks for it, has emptied the files. */
  async emptied(ask: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmptied = resolve;
    ask();
    await promise;
    this.starts = [sizeOfOutput(1), sizeOfOutput(2)];
  }

  onEmptied(): void {
    this.#onEmptied();
  }

  #read(file: 1 | 2, isWanted: boolean): string | null {
    try {
      if (!isWanted) {
        this.starts[file - 1] = nextStart(file);
        return null;
      }
      const { text, next } = takeOutput(file, this.starts[file - 1] ?? 0);
      this.starts[file - 1] = next;
      return text;
    } catch {
      return null; // the job has closed its stdout or stderr, or replaced it
    }
  }

  #notice<K extends string>(
    target: Record<K, (...args: never[]) => unknown>,
    name: K,
    file: 1 | 2,
  ): void {
    const original = target[name];
    target[name] = (...args) => {
      this.#hasPrinted[file] = true;
      return Reflect.apply(original, target, args);
    };
  }
}
