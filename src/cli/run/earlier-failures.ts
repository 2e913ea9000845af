import type { PostingCounts } from "../../db/read/status.ts";
import { pluralize } from "../output/pluralize.ts";

/** The failed jobs of a run that is resumed: only a retry by hand runs them again. */
export class EarlierFailures {
  readonly count: number;
  /** "2 jobs failed before; to run them again, first run: …"; empty if none has. */
  readonly sentence: string;

  constructor(counts: readonly PostingCounts[]) {
    const failing = counts.filter(({ failed }) => failed > 0);
    this.count = failing.reduce((sum, { failed }) => sum + failed, 0);
    const ids = failing.map(({ id }) => id).join(" ");
    this.sentence =
      this.count === 0
        ? ""
        : `${pluralize(this.count, "job")} failed before; to run them again, first run: ` +
          `pdoflow retry ${ids} --failed`;
  }
}
