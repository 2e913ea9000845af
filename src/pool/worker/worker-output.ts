import { isLong, nextStart, readOutput, sizeOfOutput } from "../wire/output-file.ts";
import type { Output } from "../wire/ends.ts";

const streams = [1, 2] as const;

/** Checking the files costs two system calls, more than many a job takes: */
const lookAfterMs = 0.05;

/** In a worker: the output of each job, in the files of its stdout and stderr. */
export class WorkerOutput {
  starts: [number, number] = [0, 0];
  #hasPrinted = false;
  #onEmptied = () => {};

  constructor() {
    // A job that writes by other means than these (a child process, a file descriptor) takes longer
    // than `lookAfterMs` anyway.
    for (const stream of [process.stdout, process.stderr]) this.#notice(stream, "write");
    for (const name of [
      "log",
      "info",
      "debug",
      "warn",
      "error",
      "table",
      "dir",
      "trace",
    ] as const) {
      this.#notice(console, name);
    }
  }

  /** After a job: its output; null if it is empty or not wanted. */
  collect(durationMs: number, isWanted: boolean): Output | null {
    if (!this.#hasPrinted && durationMs < lookAfterMs) return null;
    this.#hasPrinted = false;
    const [stdout, stderr] = streams.map((file) => this.#read(file, isWanted));
    const hasAny = (stdout ?? stderr) !== null && (stdout ?? stderr) !== undefined;
    return hasAny ? { stdout: stdout ?? null, stderr: stderr ?? null } : null;
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
      const text = isWanted ? readOutput(file, this.starts[file - 1] ?? 0) : null;
      this.starts[file - 1] = nextStart(file);
      return text;
    } catch {
      return null; // the job has closed its stdout or stderr, or replaced it
    }
  }

  #notice<K extends string>(target: Record<K, (...args: never[]) => unknown>, name: K): void {
    const original = target[name];
    target[name] = (...args) => {
      this.#hasPrinted = true;
      return Reflect.apply(original, target, args);
    };
  }
}
