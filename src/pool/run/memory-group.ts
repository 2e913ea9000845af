import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { systemText } from "../machine/system-files.ts";

/** What made a cgroup. */
export interface MemoryGroupOwner {
  /** Removes it as soon as it has no processes. */
  discard(folder: string): void;
  /** The system has refused something. */
  failed(error: unknown): void;
}

/** The cgroup of one worker, with the processes of its jobs. The kernel keeps its memory below. */
export class MemoryGroup {
  readonly folder: string;
  /** The memory that a job of the worker may use. */
  readonly bytes: number;
  /** False once the system has refused a limit. */
  isLimiting = true;
  readonly #owner: MemoryGroupOwner;
  /** What the worker uses without a job. */
  #idleBytes = 0;
  #limit = Infinity;
  #isClosed = false;

  constructor(folder: string, bytes: number, owner: MemoryGroupOwner) {
    this.folder = folder;
    this.bytes = bytes;
    this.#owner = owner;
    this.#write("memory.oom.group", 1); // the worker and all processes of its job
    if (existsSync(join(folder, "memory.swap.max"))) this.#write("memory.swap.max", 0);
  }

  /** Adds a process that has just started, and so all its children. False if that is refused. */
  add(pid: number): boolean {
    try {
      this.#write("cgroup.procs", pid);
      return true;
    } catch (error) {
      this.#owner.failed(error);
      this.close();
      return false;
    }
  }

  /** The worker is ready, and has no job yet. */
  ready(): void {
    this.#idleBytes = Number(systemText(join(this.folder, "memory.current"))) || 0;
  }

  /** The worker gets jobs. A command needs no memory of the worker that waits for it. */
  limit({ isCommand }: { isCommand: boolean }): void {
    const limit = Math.ceil(this.bytes) + (isCommand ? this.#idleBytes : 0);
    if (limit === this.#limit) return;
    this.#limit = limit;
    try {
      this.#write("memory.max", limit);
    } catch (error) {
      this.isLimiting = false;
      this.#owner.failed(error);
    }
  }

  /** Whether the kernel has killed its processes because they needed more. */
  get hasKilled(): boolean {
    return /^oom_kill [1-9]/m.test(systemText(join(this.folder, "memory.events")));
  }

  /** The worker has ended: kills what is left, and removes the cgroup. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (existsSync(join(this.folder, "cgroup.kill"))) this.#write("cgroup.kill", 1); // Linux 5.14
    this.#owner.discard(this.folder);
  }

  #write(file: string, value: number): void {
    writeFileSync(join(this.folder, file), String(value));
  }
}
