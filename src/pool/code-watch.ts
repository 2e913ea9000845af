import { parseEntryPoint } from "../domain/entry-point.ts";
import { bunResolve } from "./bun-resolve.ts";
import { resolveEntryFile } from "./entry-file.ts";
import type { HeldJob } from "./held-job.ts";
import { haveChanged, type ModuleGraph, readModuleGraph } from "./module-graph.ts";

/** Looking takes a twentieth of the time at most, and is not put off for longer than this. */
const leastOften = 20;
const longestMs = 100;

/**
 * Notices that files have changed since workers may have imported them: those of the entry points
 * that were claimed, and what these import.
 */
export class CodeWatch {
  readonly #root: string;
  /** Of each file that workers may have imported: what it was before they did. */
  readonly #stamps = new Map<string, string>();
  /** The entry points whose files those are. */
  readonly #known = new Set<string>();
  #lookedAt = -Infinity;
  #tookMs = 0;
  /** One look at a time: the workers are replaced before the next one returns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Whether workers may have imported other code than what there is now. Call it before jobs are
   * handed out: their files are watched from then on.
   */
  async hasChanged(jobs: readonly HeldJob[]): Promise<boolean> {
    const found = this.#turn.then(() => this.#look(jobs));
    this.#turn = found;
    return await found;
  }

  async #look(jobs: readonly HeldJob[]): Promise<boolean> {
    const entryPoints = new Set(jobs.map(({ posting }) => posting.entryPoint));
    const startedAt = performance.now();
    const waitMs = Math.min(this.#tookMs * leastOften, longestMs);
    const isDue = startedAt >= this.#lookedAt + waitMs;
    const isNew = [...entryPoints].some((entryPoint) => !this.#known.has(entryPoint));
    if (!isDue && !isNew) return false;
    let hasOther = isDue && (await haveChanged(this.#stamps));
    if (hasOther) this.#forget();
    for (const entryPoint of entryPoints) {
      if (!(await this.#learn(entryPoint))) continue;
      hasOther = true;
      this.#forget();
      for (const each of entryPoints) await this.#learn(each);
    }
    this.#lookedAt = performance.now();
    this.#tookMs = this.#lookedAt - startedAt;
    return hasOther;
  }

  /** The workers that imported all of that are replaced. */
  #forget(): void {
    this.#stamps.clear();
    this.#known.clear();
  }

  /** Whether it shares a file with others that has changed since. */
  async #learn(entryPoint: string): Promise<boolean> {
    if (this.#known.has(entryPoint)) return false;
    this.#known.add(entryPoint);
    const { stamps } = await graphOf(this.#root, entryPoint);
    for (const [path, stamp] of stamps) {
      if ((this.#stamps.get(path) ?? stamp) !== stamp) return true;
      this.#stamps.set(path, stamp);
    }
    return false;
  }
}

const nothing: ModuleGraph = { stamps: new Map(), missing: [] };

async function graphOf(root: string, entryPoint: string): Promise<ModuleGraph> {
  try {
    return await readModuleGraph(
      await resolveEntryFile(root, parseEntryPoint(entryPoint), bunResolve),
    );
  } catch {
    return nothing; // there is no such file: the jobs say so
  }
}
