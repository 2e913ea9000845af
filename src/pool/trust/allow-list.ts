import type { RunnablePosting } from "../../db/engine/leases.ts";
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
    const allowed = postings.filter(({ entryPoint }) => this.#allows(entryPoint));
    const refused = postings.filter((posting) => !allowed.includes(posting));
    return new Map([
      ...refused.map(({ id, entryPoint }) => [id, this.#reasonFor(entryPoint)] as const),
      ...((await this.#next?.screen(allowed, ask)) ?? []),
    ]);
  }

  hasChanged(): boolean {
    return this.#next?.hasChanged() ?? false;
  }

  #reasonFor(entryPoint: string): string {
    return `it allows only ${this.#patterns}, and this is ${entryPoint}`;
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
