import { dropOldest } from "../../domain/drop-oldest.ts";
import { parseEntryPoint } from "../../domain/entry-point.ts";
import { bunResolve } from "./bun-resolve.ts";
import { resolveEntryFile } from "./entry-file.ts";
import type { JobRun } from "../wire/leased-job.ts";
import type { CodeWatcher } from "./code-watcher.ts";
import { anyIsThere, haveChanged, type ModuleGraph, readModuleGraph } from "./module-graph.ts";

/** Checks take at most a twentieth of the time, and come at least this often. */
const checkShare = 20;
const longestMs = 25;
const knownMax = 1_000;
const missingMax = 1_000;

/**
 * Notices that files have changed since workers may have imported them: the files of claimed entry
 * points and their imports.
 */
export class CodeWatch implements CodeWatcher {
  readonly #root: string;
  /** Whether workers are replaced at all. */
  readonly #reloads: boolean;
  /** By file that workers may have imported: its stamp before that. */
  readonly #stamps = new Map<string, string>();
  /** By entry point, the files that it needs. */
  readonly #known = new Map<string, ModuleGraph>();
  /** Entry points whose code is missing, with the files that were here at that time. */
  readonly #missing = new Map<string, { reason: string; graph: ModuleGraph }>();
  /** Workers have tried to import missing files. */
  #hasTried = false;
  #checkedAt = -Infinity;
  #tookMs = 0;
  /** One check at a time: the workers are replaced before the next one returns. */
  #turn: Promise<unknown> = Promise.resolve();
  /** A check that has begun, and whose result `hasChanged` has not returned yet. */
  #begun: Promise<boolean> | null = null;

  constructor(root: string, { reloads }: { reloads: boolean }) {
    this.#root = root;
    this.#reloads = reloads;
  }

  /**
   * Whether workers may have imported code that has changed since. Call it before jobs are passed
   * to workers: their files are watched from then on.
   */
  async hasChanged(runs: readonly JobRun[]): Promise<boolean> {
    const begun = this.#begun ?? false;
    this.#begun = null;
    const [hadChanged, hasChanged] = await Promise.all([begun, this.#inTurn(runs)]);
    return hadChanged || hasChanged;
  }

  begin(): void {
    this.#begun ??= this.#inTurn([]);
  }

  #inTurn(runs: readonly JobRun[]): Promise<boolean> {
    const found = this.#turn.then(() => this.#check(runs));
    this.#turn = found;
    return found;
  }

  async #check(runs: readonly JobRun[]): Promise<boolean> {
    const entryPoints = new Set(runs.map(({ posting }) => posting.entryPoint));
    const startedAt = performance.now();
    const waitMs = Math.min(this.#tookMs * checkShare, longestMs);
    const isDue = startedAt >= this.#checkedAt + waitMs;
    const isNew = [...entryPoints].some((entryPoint) => !this.#known.has(entryPoint));
    if (!isDue && !isNew) return false;
    let hasOther = this.#hasTried || (isDue && (await haveChanged(this.#stamps)));
    if (hasOther) this.#forget();
    for (const entryPoint of entryPoints) {
      if (!(await this.#learn(entryPoint))) continue;
      hasOther = true;
      this.#forget();
      for (const each of entryPoints) await this.#learn(each);
    }
    this.#checkedAt = performance.now();
    this.#tookMs = this.#checkedAt - startedAt;
    return hasOther && this.#reloads;
  }

  noteMissing(entryPoint: string, reason: string): boolean {
    const isNew = this.#missing.get(entryPoint)?.reason !== reason;
    const graph = this.#known.get(entryPoint) ?? nothing;
    this.#missing.set(entryPoint, { reason, graph });
    dropOldest(this.#missing, missingMax);
    return isNew;
  }

  reasonFor(entryPoint: string): string | undefined {
    return this.#missing.get(entryPoint)?.reason;
  }

  async takeMended(): Promise<string[]> {
    const found: string[] = [];
    for (const [entryPoint, { graph }] of this.#missing) {
      const { stamps, missing } = graph;
      const isThere =
        stamps.size === 0
          ? (await graphOf(this.#root, entryPoint)) !== nothing
          : anyIsThere(missing) || (await haveChanged(stamps));
      if (!isThere) continue;
      this.#hasTried ||= stamps.size > 0;
      this.#missing.delete(entryPoint);
      this.#known.delete(entryPoint);
      found.push(entryPoint);
    }
    return found;
  }

  /** The workers that imported all of these are replaced. */
  #forget(): void {
    this.#stamps.clear();
    this.#known.clear();
    this.#hasTried = false;
  }

  /** Whether it shares a file with others that has changed since. */
  async #learn(entryPoint: string): Promise<boolean> {
    if (this.#known.has(entryPoint)) return false;
    const graph = await graphOf(this.#root, entryPoint);
    this.#known.set(entryPoint, graph);
    dropOldest(this.#known, knownMax);
    const { stamps } = graph;
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
    return nothing; // the file does not exist: the jobs report that
  }
}
