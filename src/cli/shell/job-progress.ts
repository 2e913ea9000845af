import { bar, paceOf, roughTime, type Sample, withSample } from "../../../tui/draw/pace.ts";
import { pluralize } from "../output/pluralize.ts";
import { Progress, type ProgressOwner } from "./progress.ts";

interface JobsEnded {
  ended: number;
  total: number;
  failed: number;
}

/** The progress of jobs as a line: their share, failures, pace, and the time that is left. */
export class PostingProgress {
  readonly #progress: Progress;
  readonly #startedAt = performance.now();
  #samples: Sample[] = [];

  constructor(command: ProgressOwner, verb: string, isWanted = false) {
    this.#progress = new Progress(command, verb, isWanted);
  }

  show(jobs: JobsEnded): void {
    this.#samples = withSample(this.#samples, { atMs: performance.now(), ended: jobs.ended });
    const pace = paceOf(this.#samples, jobs.total);
    this.#progress.show(
      [
        ...partsOf(jobs),
        ...(pace === null ? [] : [rateText(pace.perSecond), left(pace.leftMs)]),
      ].join(", "),
    );
  }

  /** Prints output above the line; `print` resolves to whether it ended its last line. */
  async aside(print: () => Promise<boolean>): Promise<void> {
    await this.#progress.aside(print);
  }

  end(): void {
    this.#progress.end();
  }

  /** Leaves the line, if it was shown, with the result. */
  finish(jobs: JobsEnded): void {
    const ms = performance.now() - this.#startedAt;
    this.#progress.end([...partsOf(jobs), `in ${roughTime(ms)}`].join(", "));
  }
}

function partsOf({ ended, total, failed }: JobsEnded): string[] {
  const share = total === 0 ? 1 : ended / total;
  return [
    `${bar(share, 10)} ${(100 * share).toFixed(1)} % of ${pluralize(total, "job")}`,
    ...(failed > 0 ? [`${failed.toLocaleString("en")} failed`] : []),
  ];
}

/** `1,200/s`, `3.4/s`; below one in two seconds by the minute or hour. */
export function rateText(perSecond: number): string {
  if (perSecond >= 10) return `${Math.round(perSecond).toLocaleString("en")}/s`;
  if (perSecond >= 0.5 || perSecond === 0) return `${perSecond.toFixed(1)}/s`;
  return perSecond >= 0.5 / 60
    ? `${(perSecond * 60).toFixed(1)}/min`
    : `${(perSecond * 3_600).toFixed(1)}/h`;
}

const left = (ms: number | null) =>
  ms === null ? "no job has ended in the last minute" : `about ${roughTime(ms)} left`;
