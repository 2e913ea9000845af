import { FFIType } from "bun:ffi";

import { type StopSignal, stopSignals } from "../../domain/stop-signals.ts";
import { openLibc } from "../machine/libc.ts";

// From signal.h of Linux.
const ignore = 1n;

/**
 * A worker ignores stop signals that no code of the user listens to: some tools signal all
 * processes of a pool, although only the pool may decide that a job ends. Children of jobs start
 * with the default of each signal. Ignored by the system, and not by a listener: then the pool can
 * read in /proc whether a worker listens, and kills it at once if not (WorkerProcess.end).
 */
export class IgnoredSignals {
  readonly #host: Pick<NodeJS.Process, "listenerCount">;
  readonly #set: ((signal: number, handler: bigint) => unknown) | null;

  constructor(host: Pick<NodeJS.Process, "listenerCount">) {
    this.#host = host;
    this.#set = open();
    this.restore();
  }

  /** A signal has its default again after its last listener was removed. */
  restore(): void {
    for (const [name, number] of Object.entries(stopSignals) as [StopSignal, number][]) {
      if (this.#host.listenerCount(name) === 0) this.#set?.(number, ignore);
    }
  }
}

/** Null on another system than Linux, whose numbers of signals differ, or without a C library. */
function open() {
  if (process.platform !== "linux") return null;
  try {
    const { signal } = openLibc({
      signal: { args: [FFIType.i32, FFIType.u64], returns: FFIType.u64 },
    });
    return signal;
  } catch {
    return null;
  }
}
