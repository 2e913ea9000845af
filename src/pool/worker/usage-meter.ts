import { dlopen, FFIType, ptr } from "bun:ffi";
import { openSync, readSync, writeSync } from "node:fs";

import { type AttemptUsage, measuredAloneMs } from "../../domain/attempt-usage.ts";
import type { SpentCpu } from "../wire/ends.ts";

// From sys/resource.h of Linux and macOS, the same on x64 and arm64.
const ofThisProcess = 0;
const ofEndedChildren = -1;
const rusageWords = 36; // 144 bytes
const [userSeconds, userMicros, systemSeconds, systemMicros, largestSize] = [0, 2, 4, 6, 8];
const sizeUnit = process.platform === "darwin" ? 1 : 1024;

/** Bytes and the peak of memory are measured at most this often, except after a long job. */
const measureEveryMs = 2;

/** "5" resets the peak of resident memory: proc_pid_clear_refs(5). */
const resetPeak = new TextEncoder().encode("5");

/**
 * Measures the resources that this process and its ended children use; of commands, only the
 * latter. CPU time takes a system call for each of the two, 1 us in all, bytes and the peak another
 * 14 us; so it is asked once for all short jobs between two messages to the pool, and after each
 * long job.
 *
 * Bytes are those of all read and write calls, whether of files, pipes or sockets: /proc/PID/io has
 * them as rchar and wchar. The peak is VmHWM, which is reset after each measurement. macOS has no
 * bytes, and its peak is that of the whole life of the process.
 */
export class UsageMeter {
  readonly #getrusage: (who: number) => void;
  readonly #words = new Int32Array(rusageWords);
  readonly #io = open("/proc/self/io", "r");
  readonly #status = open("/proc/self/status", "r");
  readonly #clearRefs = open("/proc/self/clear_refs", "w");
  readonly #text = Buffer.alloc(4096);
  /** CPU time so far, in us. */
  #own: Cpu = { userUs: 0, systemUs: 0 };
  #children: Cpu = { userUs: 0, systemUs: 0 };
  #read = 0;
  #written = 0;
  #childPeak = 0;
  #measuredAt = -Infinity;
  /** The peak of the last command, in bytes; null if none has ended since the last measurement. */
  #commandPeak: number | null = null;

  private constructor(getrusage: (who: number, at: ReturnType<typeof ptr>) => number) {
    const at = ptr(this.#words);
    this.#getrusage = (who) => void getrusage(who, at);
    this.measure(0, 0);
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
    return [own.userUs + children.userUs, own.systemUs + children.systemUs];
  }

  /** A command of this process has ended; `peakBytes` is its peak, as its parent sees it. */
  commandEnded(peakBytes: number): void {
    this.#commandPeak = Math.max(this.#commandPeak ?? 0, peakBytes);
  }

  /**
   * The resources used since the last call. `at` is of the performance clock, `durationMs` that of
   * the job that has just ended.
   */
  measure(at: number, durationMs: number): AttemptUsage {
    const [own, children] = [this.#own, this.#children];
    this.#getrusage(ofThisProcess);
    this.#own = this.#cpu();
    const ownPeak = sizeUnit * (this.#words[largestSize] ?? 0);
    this.#getrusage(ofEndedChildren);
    this.#children = this.#cpu();
    const spent = difference(this.#children, children);
    if (this.#commandPeak === null) {
      const { userUs, systemUs } = difference(this.#own, own);
      spent.userUs += userUs;
      spent.systemUs += systemUs;
    }
    const usage = { ...spent, peakBytes: NaN, readBytes: NaN, writtenBytes: NaN };
    if (durationMs >= measuredAloneMs || at - this.#measuredAt >= measureEveryMs) {
      this.#measuredAt = at;
      Object.assign(usage, this.#bytes(), { peakBytes: this.#peak(ownPeak) });
    }
    this.#commandPeak = null;
    return usage;
  }

  #cpu(): Cpu {
    const micros = (seconds: number, rest: number) =>
      1e6 * (this.#words[seconds] ?? 0) + (this.#words[rest] ?? 0);
    return {
      userUs: micros(userSeconds, userMicros),
      systemUs: micros(systemSeconds, systemMicros),
    };
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
  #peak(largestBytes: number): number {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(this.#textOf(this.#status)) ?? [];
    const own = kib === undefined ? largestBytes : 1024 * Number(kib);
    if (this.#clearRefs !== null) writeFrom(this.#clearRefs, resetPeak);
    // The largest of all children so far: only what exceeds it is certainly of this job.
    const largestChild = sizeUnit * (this.#words[largestSize] ?? 0);
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

type Cpu = Pick<AttemptUsage, "userUs" | "systemUs">;

const difference = (now: Cpu, before: Cpu): Cpu => ({
  userUs: Math.max(now.userUs - before.userUs, 0),
  systemUs: Math.max(now.systemUs - before.systemUs, 0),
});

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
