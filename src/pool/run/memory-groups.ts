import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { hasCode, messageOf } from "../../domain/errors.ts";
import { statOf, systemText } from "../machine/system-files.ts";
import { MemoryGroup } from "./memory-group.ts";

interface System {
  /** The folder that has /proc and /sys; another one in tests. */
  root?: string;
  /** Removes an empty cgroup. */
  remove?: (folder: string) => void;
  /** This process is in another cgroup now. */
  onMoved?: () => void;
}

/** The cgroup in which a pool makes others. */
interface Base {
  folder: string;
  /** The cgroup to which the pool has moved, because none with limits may have processes. */
  leaf: string | null;
}

/** Names of our cgroups: with the process of their pool and the time of its start. */
const ours = /^pdoflow-(\d+)-(\d+)-(?:pool|\d+)$/;

/**
 * Limits the memory of workers with cgroups of version 2, where this process may do that: where it
 * is in the root of all cgroups, or alone in one that was delegated to it. Otherwise their pool
 * compares their resident memory with their share.
 */
export class MemoryGroups {
  readonly #log: (line: string) => void;
  readonly #root: string;
  readonly #remove: (folder: string) => void;
  readonly #onMoved: (() => void) | undefined;
  /** Undefined before the first worker that has a limit. */
  #base: Base | null | undefined;
  #made = 0;
  readonly #removals = new Set<Promise<void>>();

  constructor(
    log: (line: string) => void,
    { root = "/", remove = rmdirSync, onMoved }: System = {},
  ) {
    this.#log = log;
    this.#root = root;
    this.#remove = remove;
    this.#onMoved = onMoved;
  }

  /** A cgroup for a worker whose jobs may use this memory; null if the pool must watch it. */
  create(bytes: number): MemoryGroup | null {
    if (this.#base === undefined) this.#base = this.#prepared();
    if (this.#base === null) return null;
    const folder = join(this.#base.folder, `${this.#prefix}${++this.#made}`);
    try {
      mkdirSync(folder);
      return new MemoryGroup(folder, bytes, {
        discard: (group) => this.#discard(group),
        failed: (error) => this.#failed(error),
      });
    } catch (error) {
      this.#failed(error);
      this.#discard(folder);
      return null;
    }
  }

  /** Removes all of them. The processes of all workers have ended. */
  async close(): Promise<void> {
    await Promise.all(this.#removals);
    const base = this.#base;
    this.#base = null;
    if (!base?.leaf) return;
    try {
      writeFileSync(join(base.folder, "cgroup.subtree_control"), "-memory");
      moveAll(base.leaf, base.folder);
      this.#remove(base.leaf);
    } catch (error) {
      // The next pool removes it.
      this.#log(`the cgroup ${base.leaf} could not be removed: ${messageOf(error)}`);
    }
  }

  #failed(error: unknown): void {
    this.#log(`a worker's cgroup does not limit its memory: ${messageOf(error)}`);
  }

  get #prefix(): string {
    return `pdoflow-${process.pid}-${startOf(process.pid) ?? 0}-`;
  }

  #prepared(): Base | null {
    const base = this.#prepare();
    if (typeof base === "string") {
      this.#log(`the memory of jobs is measured five times a second, because ${base}`);
      return null;
    }
    this.#log(`the memory of jobs is limited by cgroups in ${base.folder}`);
    return base;
  }

  /** Returns why it cannot limit memory, if so. */
  #prepare(): Base | string {
    const folder = this.#ownFolder();
    if (folder === null) return "this process has no cgroup of version 2";
    const controllers = words(join(folder, "cgroup.controllers"));
    if (!controllers.includes("memory")) return `${folder} has no memory controller`;
    this.#sweep(folder);
    if (words(join(folder, "cgroup.subtree_control")).includes("memory")) {
      return { folder, leaf: null };
    }
    // Only the root of all cgroups may have processes beside others with limits.
    const isRoot = systemText(join(folder, "cgroup.type")) === "";
    if (!isRoot && !words(join(folder, "cgroup.procs")).map(Number).every(isOurs)) {
      return `other processes are in its cgroup ${folder}`;
    }
    const leaf = isRoot ? null : join(folder, `${this.#prefix}pool`);
    try {
      if (leaf !== null) {
        mkdirSync(leaf);
        moveAll(folder, leaf);
      }
      writeFileSync(join(folder, "cgroup.subtree_control"), "+memory");
      if (leaf !== null) this.#onMoved?.();
      return { folder, leaf };
    } catch (error) {
      if (leaf !== null) this.#undo(folder, leaf);
      return `it may not change its cgroup: ${messageOf(error)}`;
    }
  }

  #undo(folder: string, leaf: string): void {
    try {
      moveAll(leaf, folder);
      this.#remove(leaf);
    } catch {
      return; // it could not even be made
    }
  }

  #ownFolder(): string | null {
    const path = /^0::(\/.*)$/m.exec(systemText(join(this.#root, "/proc/self/cgroup")))?.[1];
    const mounts = systemText(join(this.#root, "/proc/self/mountinfo"));
    const [, from, to] = /^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(mounts) ?? [];
    if (path === undefined || from === undefined || to === undefined) return null;
    const below = relative(from, path);
    return below.startsWith("..") ? null : join(this.#root, to, below);
  }

  /** Removes what pools have left behind that were killed. */
  #sweep(folder: string): void {
    for (const name of readdirSync(folder)) {
      const [, pid, start] = ours.exec(name) ?? [];
      if (pid === undefined || startOf(Number(pid)) === start) continue;
      try {
        this.#remove(join(folder, name));
      } catch {
        continue; // it still has processes, or another pool was faster
      }
    }
  }

  #discard(folder: string): void {
    const removal = this.#removed(folder).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  /** Processes of a job may outlive its worker by a moment. */
  async #removed(folder: string): Promise<void> {
    const giveUpAt = performance.now() + removalMs;
    for (;;) {
      try {
        return this.#remove(folder);
      } catch (error) {
        if (!hasCode(error, "EBUSY")) return; // gone
        if (performance.now() > giveUpAt) return; // the next pool removes it
      }
      await Bun.sleep(removalPauseMs);
    }
  }
}

const removalMs = 5_000;
const removalPauseMs = 20;
/** Processes may start others while they are moved. */
const moveRounds = 10;

/** Moves all processes from one cgroup to another. */
function moveAll(from: string, to: string): void {
  for (let round = 0; round < moveRounds; round++) {
    const pids = words(join(from, "cgroup.procs"));
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        writeFileSync(join(to, "cgroup.procs"), pid);
      } catch (error) {
        if (!hasCode(error, "ESRCH")) throw error;
      }
    }
  }
}

/** Whether a process is this one, or descends from it. */
function isOurs(pid: number): boolean {
  for (let each = pid; each > 1; each = Number(statOf(each)[1] ?? 0)) {
    if (each === process.pid) return true;
  }
  return pid === process.pid;
}

/** When a process started, in ticks; undefined if there is none. */
const startOf = (pid: number): string | undefined => statOf(pid)[19];

const words = (path: string): string[] => systemText(path).split(/\s+/).filter(Boolean);
