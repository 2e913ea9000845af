import * as v from "valibot";

/** When to stop a run early, as in GNU parallel: `now,fail=1`, `soon,fail=5%`, `now,success=1`. */
export interface HaltRule {
  /** `now` ends running jobs too; `soon` only starts no more. */
  when: "now" | "soon";
  /** What is counted; `vain` counts failures as long as no job is done. */
  of: "fail" | "success" | "done" | "vain";
  count: number;
  isPercent: boolean;
}

const form = /^(now|soon),(fail|success|done)=([1-9]\d*|\d+(?:\.\d+)?%)$/;

export const haltRule = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): HaltRule | null => {
    if (dataset.value === "never") return null;
    const [, when, of, text = ""] = form.exec(dataset.value) ?? [];
    if ((when === "now" || when === "soon") && isOf(of)) {
      return { when, of, count: Number.parseFloat(text), isPercent: text.endsWith("%") };
    }
    addIssue({
      message: "expected never, or a rule such as now,fail=1, soon,fail=5% or now,success=1",
    });
    return NEVER;
  }),
);

const isOf = (of: string | undefined) => of === "fail" || of === "success" || of === "done";

/** Counts ended jobs, and decides when a run is to stop early. */
export class Halt {
  readonly #rules: readonly HaltRule[];
  readonly #counts = { fail: 0, success: 0, done: 0, vain: 0 };
  /** The rule that has stopped the run. */
  met: HaltRule | null = null;

  constructor(rules: readonly HaltRule[]) {
    this.#rules = rules;
  }

  get hasRules(): boolean {
    return this.#rules.length > 0;
  }

  /** Counts a job; returns the rule that is met now, once. `total` is null while it is unknown. */
  note(state: "done" | "failed" | "cancelled", total: number | null): HaltRule | null {
    const counts = this.#counts;
    counts.done++;
    if (state === "done") counts.success++;
    if (state === "failed") counts.fail++;
    counts.vain = counts.success === 0 ? counts.fail : 0;
    if (this.met) return null;
    this.met = this.#rules.find((rule) => isMet(rule, counts[rule.of], total)) ?? null;
    return this.met;
  }
}

function isMet({ count, isPercent }: HaltRule, found: number, total: number | null): boolean {
  if (!isPercent) return found >= count;
  return total !== null && total > 0 && found > 0 && (100 * found) / total >= count;
}
