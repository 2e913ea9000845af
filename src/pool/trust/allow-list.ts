import * as v from "valibot";

import type { RunnablePosting } from "../../db/engine/leases.ts";
import { EntryPoint } from "../../domain/entry-point.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import type { AdmissionPolicy, AskDatabase, PolicyDecision } from "./admission-policy.ts";

const answersKept = 1_000;

/** Refuses postings whose entry point the owner of the pool does not allow; then asks `next`. */
export class AllowList implements AdmissionPolicy {
  readonly #isAllowed: (entryPoint: string) => boolean;
  readonly #patterns: string;
  readonly #next: AdmissionPolicy | null;
  /** By entry point, so that a claim costs nothing. */
  #answers = new Map<string, boolean>();

  constructor(patterns: readonly string[], next: AdmissionPolicy | null) {
    this.#isAllowed = allowedBy(patterns);
    this.#patterns = patterns.join(", ");
    this.#next = next;
  }

  async check(runs: readonly LeasedRun[], ask: AskDatabase): Promise<PolicyDecision> {
    const refused = new Map<number, string>();
    const kept: LeasedRun[] = [];
    for (const run of runs) {
      const { id, entryPoint } = run.posting;
      if (this.allows(entryPoint)) kept.push(run);
      else refused.set(id, this.#reasonFor(entryPoint));
    }
    if (this.#next === null || kept.length === 0) return { refused, isCodeNew: false };
    const decision = await this.#next.check(kept, ask);
    return { ...decision, refused: new Map([...refused, ...decision.refused]) };
  }

  async screen(
    postings: readonly RunnablePosting[],
    ask: AskDatabase,
  ): Promise<ReadonlyMap<number, string>> {
    const allowed = postings.filter(({ entryPoint }) => this.allows(entryPoint));
    const refused = postings.filter((posting) => !allowed.includes(posting));
    return new Map([
      ...refused.map(({ id, entryPoint }) => [id, this.#reasonFor(entryPoint)] as const),
      ...((await this.#next?.screen(allowed, ask)) ?? []),
    ]);
  }

  forget(): void {
    this.#answers.clear();
  }

  hasChanged(): boolean {
    return this.#next?.hasChanged() ?? false;
  }

  #reasonFor(entryPoint: string): string {
    return `it allows only ${this.#patterns}, and this is ${entryPoint}`;
  }

  allows(entryPoint: string): boolean {
    const known = this.#answers.get(entryPoint);
    if (known !== undefined) return known;
    const answer = this.#isAllowed(entryPoint);
    if (this.#answers.size >= answersKept) this.#answers = new Map();
    this.#answers.set(entryPoint, answer);
    return answer;
  }
}

/**
 * Whether patterns such as `jobs/**#*` match an entry point: the module and, after the last "#",
 * the export's name. The entry point is compared as it is imported, without `./` and `//`.
 *
 * @throws {InvalidInput} if a pattern has another form.
 */
function allowedBy(patterns: readonly string[]): (entryPoint: string) => boolean {
  const faults = patterns.filter((pattern) => !form.test(pattern));
  if (faults.length > 0) {
    throw new InvalidInput("--allow", [
      "expected patterns of entry points such as 'jobs/**#*' or 'fit.ts#main', without a leading " +
        `"!" or "/", got ${faults.map((fault) => JSON.stringify(fault)).join(", ")}`,
    ]);
  }
  const pairs = patterns.map((pattern) => {
    const hash = pattern.lastIndexOf("#");
    return {
      module: new Bun.Glob(pattern.slice(0, hash)),
      name: new Bun.Glob(pattern.slice(hash + 1)),
    };
  });
  return (text) => {
    const entryPoint = v.safeParse(EntryPoint, text);
    if (!entryPoint.success) return false;
    const { module, export: name } = entryPoint.output;
    const path = module.replace(/^\.\//, "");
    return pairs.some((pair) => pair.module.match(path) && pair.name.match(name));
  };
}

const form = /^[^!/#\s][^\s]*#[^!#/\s]+$/;
