import { allowedBy } from "../../domain/allowed.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { AdmissionPolicy, AskDatabase, PolicyDecision } from "./admission-policy.ts";

const answersKept = 1_000;

/** Refuses postings whose entry point the owner of the pool does not allow; then asks `next`. */
export class AllowList implements AdmissionPolicy {
  readonly #isAllowed: (entryPoint: string) => boolean;
  readonly #patterns: string;
  readonly #next: AdmissionPolicy | null;
  /** By entry point, so that a job costs nothing. */
  #answers = new Map<string, boolean>();

  constructor(patterns: readonly string[], next: AdmissionPolicy | null) {
    this.#isAllowed = allowedBy(patterns, (pattern) => {
      const glob = new Bun.Glob(pattern);
      return (text) => glob.match(text);
    });
    this.#patterns = patterns.join(", ");
    this.#next = next;
  }

  async check(jobs: readonly LeasedJob[], ask: AskDatabase): Promise<PolicyDecision> {
    const refused = new Map<number, string>();
    const kept: LeasedJob[] = [];
    for (const job of jobs) {
      const { id, entryPoint } = job.posting;
      if (this.#allows(entryPoint)) kept.push(job);
      else refused.set(id, `it allows only ${this.#patterns}, and this is ${entryPoint}`);
    }
    if (this.#next === null || kept.length === 0) return { refused, isCodeNew: false };
    const decision = await this.#next.check(kept, ask);
    return { ...decision, refused: new Map([...refused, ...decision.refused]) };
  }

  hasChanged(): boolean {
    return this.#next?.hasChanged() ?? false;
  }

  #allows(entryPoint: string): boolean {
    const known = this.#answers.get(entryPoint);
    if (known !== undefined) return known;
    const answer = this.#isAllowed(entryPoint);
    if (this.#answers.size >= answersKept) this.#answers = new Map();
    this.#answers.set(entryPoint, answer);
    return answer;
  }
}
