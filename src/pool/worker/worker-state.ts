import { globalSlots, WatchedSlots } from "./watched-slots.ts";
import { WorkerSignals } from "./worker-signals.ts";

// Taken before any user code runs, because user code may replace them.
const { keys, prototype: ObjectPrototype } = Object;
const { prototype: ArrayPrototype } = Array;
const { apply } = Reflect;

/** The process that jobs run in. */
export type Host = typeof process;

type Listener = (...args: unknown[]) => void;

/** Functions that change the listeners of a process. */
const listening = [
  ...(["on", "once", "addListener", "prependListener", "prependOnceListener"] as const),
  ...(["off", "removeListener", "removeAllListeners"] as const),
];

/**
 * Other properties of a process that a worker needs, or that a job may have changed for the next.
 */
const hostKeys = [...listening, "env", "send", "exit", "emit", "cwd", "chdir", "umask"];

/**
 * Restores the changes of a job to its worker after each job: the working folder, the environment,
 * the umask, the listeners of the process, and the globals with which the worker reports. There may
 * be 50,000 jobs a second, so after each job only cheap comparisons are made. The folder, the umask
 * and the listeners are checked after a call that may have changed them; the environment and
 * additions to prototypes once for all short jobs of a chunk, which call one entry point.
 */
export class WorkerState {
  readonly #host: Host;
  readonly #env: NodeJS.ProcessEnv;
  readonly #cwdNow: () => string;
  readonly #chdir: (folder: string) => void;
  readonly #umaskNow: (mask?: string | number) => number;
  #cwd: string | null = null;
  #hasMoved = true;
  #umask = 0;
  #isUmaskSet = true;
  #hasListened = false;
  #listeners = new Map<string | symbol, Listener[]>();
  #slots = new WatchedSlots([]);
  #envSlots = new WatchedSlots([]);
  #envKeys: string[] = [];
  #inherited: string[] = [];
  readonly #signals: WorkerSignals;

  /** `onStopSignal` is called before code of the user that listens to a stop signal. */
  constructor(host: Host, onStopSignal: () => void) {
    this.#host = host;
    this.#signals = new WorkerSignals(host, onStopSignal);
    this.#env = host.env;
    this.#cwdNow = host.cwd.bind(host);
    this.#chdir = host.chdir.bind(host);
    const umask = host.umask.bind(host);
    this.#umaskNow = (mask) => (mask === undefined ? umask() : umask(mask));
    host.umask = (mask?: string | number) => {
      if (mask !== undefined) this.#isUmaskSet = true;
      return this.#umaskNow(mask);
    };
    host.chdir = (folder: string) => {
      this.#hasMoved = true;
      this.#chdir(folder);
    };
    for (const name of listening) {
      const original = host[name] as Listener;
      const noticing = (...args: unknown[]): unknown => {
        this.#hasListened = true;
        const returned: unknown = apply(original, host, args);
        this.#signals.update(args[0]);
        return returned;
      };
      Object.defineProperty(host, name, { value: noticing, writable: true, configurable: true });
    }
    this.adopt();
  }

  /** Keeps the current state: a module needs the changes that it made when it was imported. */
  adopt(): void {
    this.#cwd = this.#whereabouts();
    if (this.#isUmaskSet) this.#umask = this.#umaskNow();
    this.#listeners = this.#listenersNow();
    this.#envKeys = keys(this.#env);
    this.#inherited = inheritedKeys();
    this.#slots = new WatchedSlots([...globalSlots(), [this.#host, hostKeys]]);
    this.#envSlots = new WatchedSlots([[this.#env, this.#envKeys]]);
    this.#isUmaskSet = false;
    this.#hasMoved = false;
    this.#hasListened = false;
  }

  /**
   * After each job: restores the globals with which the worker reports, and the effects of calls.
   */
  restoreReporting(): void {
    if (!this.#slots.areSame()) this.#slots.restore();
    if ("toJSON" in ArrayPrototype) this.#restorePrototypes(); // or in Object.prototype
    if (this.#hasMoved) this.#goBack();
    if (this.#isUmaskSet) this.#umaskNow(this.#umask);
    if (this.#hasListened) this.#restoreListeners();
    this.#hasMoved = false;
    this.#isUmaskSet = false;
    this.#hasListened = false;
  }

  /** After a long job and after the last job of a chunk: restores everything. */
  restore(): void {
    this.restoreReporting();
    if (countInherited() !== this.#inherited.length) this.#restorePrototypes();
    if (!this.#envSlots.areSame()) this.#envSlots.restore();
    if (keys(this.#env).length !== this.#envKeys.length) this.#restoreEnv();
    if (this.#whereabouts() !== this.#cwd) this.#goBack();
  }

  /** Null if the folder was removed. */
  #whereabouts(): string | null {
    try {
      return this.#cwdNow();
    } catch {
      return null;
    }
  }

  #goBack(): void {
    try {
      if (this.#cwd !== null) this.#chdir(this.#cwd);
    } catch {
      this.#cwd = this.#whereabouts(); // it was removed in the meantime
    }
  }

  #restoreEnv(): void {
    for (const name of keys(this.#env)) {
      if (!this.#envKeys.includes(name)) delete this.#env[name];
    }
    this.#envSlots.restore();
    this.#envKeys = keys(this.#env); // some are there again once they were set
  }

  #restorePrototypes(): void {
    for (const prototype of [ObjectPrototype, ArrayPrototype]) {
      for (const key of keys(prototype)) {
        if (!this.#inherited.includes(key)) Reflect.deleteProperty(prototype, key);
      }
    }
    this.#inherited = inheritedKeys();
  }

  #restoreListeners(): void {
    for (const [event, now] of this.#listenersNow()) {
      const before = this.#listeners.get(event) ?? [];
      for (const each of now) if (!before.includes(each)) this.#host.removeListener(event, each);
    }
    const left = this.#listenersNow();
    for (const [event, before] of this.#listeners) {
      const now = left.get(event) ?? [];
      for (const each of before) if (!now.includes(each)) this.#host.on(event, each);
    }
  }

  #listenersNow(): Map<string | symbol, Listener[]> {
    const events = this.#host.eventNames();
    return new Map(
      events.map((event) => [event, this.#host.rawListeners(event) as Listener[]] as const),
    );
  }
}

/** The properties that every object, and every list, seems to have. */
const inheritedKeys = (): string[] => [...keys(ObjectPrototype), ...keys(ArrayPrototype)];

/** It takes microseconds: Array.prototype has many keys, though none that is enumerable. */
const countInherited = (): number => keys(ObjectPrototype).length + keys(ArrayPrototype).length;
