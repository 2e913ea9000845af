import { parseEntryPoint } from "../domain/entry-point.ts";
import { codeDigest } from "./code-digest.ts";
import type { HeldJob } from "./held-job.ts";

/** Notices between two postings that the code of an entry point has changed on disk. */
export class CodeWatch {
  readonly #root: string;
  /** By entry point: the digest of its code as it was when it was run last. */
  readonly #signatures = new Map<string, string>();
  #newestPosting = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Whether these jobs begin a posting whose code is another than that which workers have imported:
   * its file, or one that it imports, with a relative path, at whatever remove.
   */
  async hasChanged(jobs: readonly HeldJob[]): Promise<boolean> {
    const postings = new Map(jobs.map(({ posting }) => [posting.id, posting.entryPoint]));
    let hasChanged = false;
    for (const [id, entryPoint] of postings) {
      if (id <= this.#newestPosting) continue;
      this.#newestPosting = id;
      const now = await this.#signature(entryPoint);
      const before = this.#signatures.get(entryPoint);
      this.#signatures.set(entryPoint, now);
      hasChanged ||= before !== undefined && before !== now;
    }
    return hasChanged;
  }

  async #signature(entryPoint: string): Promise<string> {
    try {
      return await codeDigest(this.#root, parseEntryPoint(entryPoint));
    } catch {
      return "a package, or not to be read"; // the jobs will say why
    }
  }
}
