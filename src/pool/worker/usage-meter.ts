import { dlopen, FFIType, type Pointer, ptr } from "bun:ffi";
import { openSync, readSync, writeSync } from "node:fs";

import { type AttemptUsage, measuredAloneMs } from "../../domain/attempt-usage.ts";
import type { SpentCpu } from "../wire/ends.ts";

// From sys/resource.h of Linux and macOS, the same on x64 and arm64.
const ofThisProcess = 0;
const ofEndedChildren = -1;
const rusageWords = 36; // 144 bytes
const [userSeconds, systemSeconds, largestSize] = [0, 4, 8] as const;
const sizeUnit = process.platform === "darwin" ? 1 : 1024;

/**
 * CPU time is measured at most this often, except after a long job or a command: in a busy worker
 * that takes 5 us, and its pool has to add it up. So the CPU time of a long job may have that of
 * short ones before it.
 */
const cpuEveryMs = 5;
/**
 * Children, bytes and the peak of memory, which take 50 us, are measured after this much CPU time,
 * so that a busy machine does not pay more, or after this time.
 */
const wholeAfterUs = 20_000;
const wholeAfterMs = 500;

/** "5" resets the peak of resident memory: proc_pid_clear_refs(5). */
const resetPeak = new TextEncoder().encode("5");

/**
 * Measures the resources that this process and its ended children use; of commands, only the
 * latter. It is asked once for all short jobs between two messages to the pool, and after each long
 * job.
 *
 * Bytes are those of all read and write calls, whether of files, pipes or sockets: /proc/PID/io has
 * them as rchar and wchar. The peak is VmHWM, which is reset after each measurement. macOS has no
 * bytes, and its peak is that of the whole life of the process.
 */
export class UsageMeter {
  readonly #getrusage: (who: number, at: Pointer) => number;
  readonly #own = new Int32Array(rusageWords);
  readonly #children = new Int32Array(rusageWords);
  readonly #ownAt = ptr(this.#own);
  readonly #childrenAt = ptr(this.#children);
  readonly #io = open("/proc/self/io", "r");
  readonly #status = open("/proc/self/status", "r");
  readonly #clearRefs = open("/proc/self/clear_refs", "w");
  readonly #text = Buffer.alloc(4096);
  #read = 0;
  #written = 0;
  #childPeak = 0;
  #cpuAt = -Infinity;
  /** When everything was measured, and the CPU time of this process then. */
  #wholeAt = -Infinity;
  #wholeUs = 0;
  /** The peak of the last command, in bytes; null if none has ended since the last measurement. */
  #commandPeak: number | null = null;

  private constructor(getrusage: (who: number, at: Pointer) => number) {
    this.#getrusage = getrusage;
    this.measure(0, 0);
    this.#wholeAt = -Infinity; // the first job is measured wholly
  }

  /** Null if this system cannot measure them. */
  static open(): UsageMeter | null {
    const libc = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
    try {
      const { symbols } = dlopen(libc, {
        getrusage: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
      });
      return new UsageMeter(symbols.getrusage);
    } catch {
      return null; // a system with another C library
    }
  }

  /** The CPU time since this process started, as of the last measurement. */
  get spentCpu(): SpentCpu {
    const [own, children] = [this.#own, this.#children];
    return [
      microsAt(own, userSeconds) + microsAt(children, userSeconds),
      microsAt(own, systemSeconds) + microsAt(children, systemSeconds),
    ];
  }

  /** A command of this process has ended; `peakBytes` is its peak, as its parent sees it. */
  commandEnded(peakBytes: number): void {
    this.#commandPeak = Math.max(this.#commandPeak ?? 0, peakBytes);
  }

  /**
   * The resources used since the last measurement; null if it is too early for another. `at` is of
   * the performance clock, `durationMs` that of the job that has just ended.
   */
  measure(at: number, durationMs: number): AttemptUsage | null {
    const isCommand = this.#commandPeak !== null;
    const isLong = durationMs >= measuredAloneMs;
    if (!isLong && !isCommand && at - this.#cpuAt < cpuEveryMs) return null;
    this.#cpuAt = at;
    const [own, children] = [this.#own, this.#children];
    const before = {
      ...{ userUs: microsAt(own, userSeconds), systemUs: microsAt(own, systemSeconds) },
      childrenUserUs: microsAt(children, userSeconds),
      childrenSystemUs: microsAt(children, systemSeconds),
    };
    this.#getrusage(ofThisProcess, this.#ownAt);
    const ownUs = microsAt(own, userSeconds) + microsAt(own, systemSeconds);
    const isDue = ownUs - this.#wholeUs >= wholeAfterUs || at - this.#wholeAt >= wholeAfterMs;
    const isWhole = isLong || isDue;
    if (isWhole || isCommand) this.#getrusage(ofEndedChildren, this.#childrenAt);
    const usage = {
      userUs: microsAt(children, userSeconds) - before.childrenUserUs,
      systemUs: microsAt(children, systemSeconds) - before.childrenSystemUs,
      ...{ peakBytes: NaN, readBytes: NaN, writtenBytes: NaN },
    };
    if (!isCommand) {
      usage.userUs += microsAt(own, userSeconds) - before.userUs;
      usage.systemUs += microsAt(own, systemSeconds) - before.systemUs;
    }
    if (isWhole) {
      this.#wholeAt = at;
      this.#wholeUs = ownUs;
      Object.assign(usage, this.#bytes(), { peakBytes: this.#peak() });
    }
    this.#commandPeak = null;
    return usage;
  }

  #bytes(): Pick<AttemptUsage, "readBytes" | "writtenBytes"> {
    const [, read, written] = /^rchar: (\d+)\nwchar: (\d+)$/m.exec(this.#textOf(this.#io)) ?? [];
    if (read === undefined) return { readBytes: NaN, writtenBytes: NaN };
    const [readBefore, writtenBefore] = [this.#read, this.#written];
    [this.#read, this.#written] = [Number(read), Number(written)];
    return {
      readBytes: Math.max(this.#read - readBefore, 0),
      writtenBytes: Math.max(this.#written - writtenBefore, 0),
    };
  }

  /**
   * The largest of this process and its ended children; of a command without this process. The
   * kernel counts the memory of this process as that of each child, until it runs its program. So a
   * command that used less is not known.
   */
  #peak(): number {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(this.#textOf(this.#status)) ?? [];
    const largest = sizeUnit * (this.#own[largestSize] ?? 0);
    const own = kib === undefined ? largest : 1024 * Number(kib);
    if (this.#clearRefs !== null) writeFrom(this.#clearRefs, resetPeak);
    // The largest of all children so far: only what exceeds it is certainly of this job.
    const largestChild = sizeUnit * (this.#children[largestSize] ?? 0);
    const isLarger = largestChild > this.#childPeak;
    this.#childPeak = largestChild;
    const command = this.#commandPeak;
    if (command !== null) return command > own ? command : NaN;
    return isLarger ? Math.max(own, largestChild) : own;
  }

  /** Empty if it cannot be read: a job may have closed all open files. */
  #textOf(file: number | null): string {
    if (file === null) return "";
    try {
      const length = readFrom(file, this.#text, 0, this.#text.length, 0);
      return this.#text.toString("latin1", 0, length);
    } catch {
      return "";
    }
  }
}

// Taken before any user code runs, because user code may replace them.
const readFrom = readSync;

/** The time that begins at an index of a struct rusage. */
const microsAt = (words: Int32Array, seconds: number): number =>
  1e6 * (words[seconds] ?? 0) + (words[seconds + 2] ?? 0);

function writeFrom(file: number, bytes: Uint8Array): void {
  try {
    writeSync(file, bytes, 0, bytes.length, 0);
  } catch {
    // The peak of the next job may be that of an earlier one.
  }
}

function open(path: string, mode: "r" | "w"): number | null {
  try {
    return openSync(path, mode);
  } catch {
    return null; // macOS has no /proc, a sandbox may have a part of it
  }
}
