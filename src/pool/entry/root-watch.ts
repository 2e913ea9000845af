import type { CodeWatcher } from "./code-watcher.ts";

const missingMax = 1_000;

/** For a pool that cannot replace code once its process has imported it: finds missing code. */
export class RootWatch implements CodeWatcher {
  readonly #isThere: (entryPoint: string) => Promise<boolean>;
  readonly #reasons = new Map<string, string>();

  constructor(isThere: (entryPoint: string) => Promise<boolean>) {
    this.#isThere = isThere;
  }

  begin(): void {}

  hasChanged(): Promise<boolean> {
    return Promise.resolve(false);
  }

  noteMissing(entryPoint: string, reason: string): boolean {
    const isNew = this.#reasons.get(entryPoint) !== reason;
    if (this.#reasons.size < missingMax) this.#reasons.set(entryPoint, reason);
    return isNew;
  }

  reasonFor(entryPoint: string): string | undefined {
    return this.#reasons.get(entryPoint);
  }

  async takeMended(): Promise<string[]> {
    const found: string[] = [];
    for (const entryPoint of this.#reasons.keys()) {
      if (await this.#isThere(entryPoint)) found.push(entryPoint);
    }
    for (const entryPoint of found) this.#reasons.delete(entryPoint);
    return found;
  }
}
