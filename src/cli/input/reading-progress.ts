import type { JobBatch } from "../../db/posting/batches.ts";
import { bar, paceOf, roughTime, type Sample, withSample } from "../../../tui/draw/pace.ts";
import { pluralize } from "../output/pluralize.ts";
import type { JobSources } from "./job-sources.ts";
import { Progress, type ProgressOwner } from "../shell/progress.ts";

const everyMs = 250;

/** Counts the jobs of a command line as they are read, and shows the progress. */
export class Reading {
  readonly #sources: JobSources;
  readonly #progress: Progress;
  #bytes: Sample[] = [];
  #jobs: Sample[] = [];
  #sampledAt = -Infinity;
  count = 0;

  constructor(command: ProgressOwner, verb: string, sources: JobSources, isWanted: boolean) {
    this.#sources = sources;
    this.#progress = new Progress(command, verb, isWanted);
  }

  async *batches(): AsyncGenerator<JobBatch, void, undefined> {
    for await (const batch of this.#sources.batches()) {
      this.count += batch.args.length;
      const now = performance.now();
      if (now - this.#sampledAt >= everyMs) this.#show(now);
      yield batch;
    }
  }

  end(): void {
    this.#progress.end();
  }

  #show(atMs: number): void {
    const { bytesRead, totalBytes } = this.#sources;
    this.#sampledAt = atMs;
    this.#bytes = withSample(this.#bytes, { atMs, ended: bytesRead });
    this.#jobs = withSample(this.#jobs, { atMs, ended: this.count });
    const rate = paceOf(this.#jobs, this.count)?.perSecond;
    const parts = [
      pluralize(this.count, "job"),
      ...(rate === undefined ? [] : [`${Math.round(rate).toLocaleString("en")}/s`]),
    ];
    if (totalBytes !== null) {
      const share = bytesRead / totalBytes;
      const leftMs = paceOf(this.#bytes, totalBytes)?.leftMs ?? null;
      parts.unshift(`${bar(share, 20)} ${(100 * share).toFixed(1)} %`);
      if (leftMs !== null) parts.push(`about ${roughTime(leftMs)} left`);
    }
    this.#progress.show(parts.join(", "));
  }
}
