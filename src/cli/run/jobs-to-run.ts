import type { Db } from "../../db/connection/connect.ts";
import { insertPosting, type NewPosting } from "../../db/posting/insert.ts";
import { NothingToPost } from "../../domain/errors.ts";
import { JobParts } from "../input/job-parts.ts";
import type { JobSources } from "../input/job-sources.ts";
import type { PostingCommand } from "../input/posting-command.ts";
import { Reading } from "../input/reading-progress.ts";
import { textOf } from "../../pool/worker/command-line.ts";
import type { JobNotes } from "./job-details.ts";
import type { LocalRun } from "./local-run.ts";

/** The jobs of a run as they are read, in one posting or, if they come slowly, in several. */
export class JobsToRun {
  readonly #sources: JobSources;
  readonly #reading: Reading;
  readonly #parts: JobParts;
  readonly #remedy: string;

  constructor(command: PostingCommand, sources: JobSources, notes: JobNotes) {
    this.#sources = sources;
    this.#reading = new Reading(command, "posting", sources, command.progress);
    const batches = command.batchesOf(this.#reading, (number, input, words) => {
      if (!notes.isWanted) return;
      const tag = Object.values(input).map(textOf).join(" ");
      notes.add(number, { tag, command: words });
    });
    this.#parts = new JobParts(batches);
    // In cron, for example, the input is empty.
    this.#remedy = command.isCommand ? " To run the command once, add --no-args before it." : "";
  }

  /**
   * The number of all jobs, if it is known soon.
   *
   * @throws {NothingToPost}
   */
  async count(): Promise<number | null> {
    const count = this.#sources.sweep?.size ?? (await this.#parts.peek());
    if (count === 0) throw new NothingToPost(this.#sources.name, this.#remedy);
    return count;
  }

  /** Posts the next jobs for a run, and returns whether there may be more. */
  async postNext(db: Db, posting: NewPosting, run: LocalRun): Promise<boolean> {
    const { sweep, name } = this.#sources;
    const jobs = sweep ?? (await Promise.race([this.#parts.next(), run.stopped.then(() => null)]));
    if (jobs === null) return false;
    const { id, jobCount, token } = await insertPosting(db, posting, jobs, name);
    run.add({ postingId: id, jobCount, seqs: null }, token);
    const isLast = sweep !== null || this.#parts.isOver;
    if (isLast) run.complete();
    return !isLast;
  }

  end(): void {
    this.#reading.end();
  }
}
