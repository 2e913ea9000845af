import { bar, paceOf, roughTime, type Sample, withSample } from "../../../tui/draw/pace.ts";
import { pluralize } from "../output/pluralize.ts";
import { Progress, type ProgressOwner } from "./progress.ts";

/** The progress of jobs as a line: their share, failures, pace, and the time that is left. */
export class PostingProgress {
  readonly #progress: Progress;
  #samples: Sample[] = [];

  constructor(command: ProgressOwner, verb: string, isWanted = false) {
    this.#progress = new Progress(command, verb, isWanted);
  }

  show({ ended, total, failed }: { ended: number; total: number; failed: number }): void {
    this.#samples = withSample(this.#samples, { atMs: performance.now(), ended });
    const pace = paceOf(this.#samples, total);
    const share = total === 0 ? 1 : ended / total;
    this.#progress.show(
      [
        `${bar(share, 10)} ${(100 * share).toFixed(1)} % of ${pluralize(total, "job")}`,
        ...(failed > 0 ? [`${failed.toLocaleString("en")} failed`] : []),
        ...(pace === null ? [] : [rate(pace.perSecond), left(pace.leftMs)]),
      ].join(", "),
    );
  }

  end(): void {
    this.#progress.end();
  }
}

const rate = (perSecond: number) =>
  perSecond >= 10 ? `${Math.round(perSecond).toLocaleString("en")}/s` : `${perSecond.toFixed(1)}/s`;

const left = (ms: number | null) =>
  ms === null ? "no job has ended in the last minute" : `about ${roughTime(ms)} left`;
