import { FFIType } from "bun:ffi";

import {
  isStopSignal,
  type StopSignal,
  stopSignalNames,
  stopSignals,
} from "../../domain/stop-signals.ts";
import { openLibc } from "../machine/libc.ts";

// From signal.h of Linux.
const ignore = 1n;

type SignalHost = Pick<
  NodeJS.Process,
  "listenerCount" | "rawListeners" | "prependListener" | "removeListener"
>;

/**
 * The stop signals of a worker. Some tools signal all processes of a pool, although only the pool
 * may decide that a job ends.
 *
 * A signal that no code of the user listens to is ignored. Children of jobs start with the default
 * of each signal. Ignored by the system, and not by a listener: then the pool can read in /proc
 * whether a worker listens, and kills it at once if not (WorkerProcess.end).
 *
 * For a signal that code of the user listens to, `onSignal` is called before that code.
 */
export class WorkerSignals {
  readonly #host: SignalHost;
  readonly #onSignal: () => void;
  readonly #set: ((signal: number, handler: bigint) => unknown) | null;

  /** Takes the functions of `host` as they are, before user code or we replace them. */
  constructor(host: SignalHost, onSignal: () => void) {
    this.#host = {
      listenerCount: host.listenerCount.bind(host),
      rawListeners: host.rawListeners.bind(host),
      prependListener: host.prependListener.bind(host),
      removeListener: host.removeListener.bind(host),
    };
    this.#onSignal = () => onSignal(); // user code may remove it like a listener of its own
    this.#set = open();
    this.#ignoreUnheard();
  }

  /** After a change of the listeners to an event; undefined for those to all events. */
  update(event: unknown): void {
    if (event !== undefined && !isStopSignal(event)) return;
    for (const name of stopSignalNames) this.#placeOurs(name);
    this.#ignoreUnheard(); // a signal has its default again after its last listener was removed
  }

  /** Ours is the first listener, or there is none. */
  #placeOurs(name: StopSignal): void {
    const listeners = this.#host.rawListeners(name);
    const others = listeners.filter((each) => each !== this.#onSignal).length;
    const ours = listeners.length - others;
    if (others === 0 ? ours === 0 : ours === 1 && listeners[0] === this.#onSignal) return;
    for (let i = 0; i < ours; i += 1) this.#host.removeListener(name, this.#onSignal);
    if (others > 0) this.#host.prependListener(name, this.#onSignal);
  }

  #ignoreUnheard(): void {
    for (const name of stopSignalNames) {
      if (this.#host.listenerCount(name) === 0) this.#set?.(stopSignals[name], ignore);
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
