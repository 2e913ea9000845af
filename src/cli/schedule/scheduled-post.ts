import type { PostingDb } from "../../db/posting/caller-transaction.ts";
import {
  type JobsToPost,
  type NewPosting,
  optionsText,
  type Posted,
} from "../../db/posting/insert.ts";
import { addSchedule, type NewSchedule, storedJobs } from "../../db/posting/schedules.ts";
import { type ExitCode, InvalidInput } from "../../domain/errors.ts";
import { PostCommand } from "../commands/post.ts";

/** `post` behind `schedule add`: keeps its jobs in a schedule instead of posting them. */
export class ScheduledPost extends PostCommand {
  schedule: NewSchedule | null = null;

  override async insert(db: PostingDb, posting: NewPosting, jobs: JobsToPost): Promise<Posted> {
    if (!this.schedule) throw new Error("expected a schedule");
    if (posting.signer) {
      throw new InvalidInput("--sign", ["expected no signature: a schedule cannot sign postings"]);
    }
    if ("isNormal" in jobs) {
      throw new InvalidInput("--each", [
        `expected at most 1000 combinations in a schedule, found ${jobs.size}`,
      ]);
    }
    const args = await storedJobs(jobs);
    if (args.length === 0) {
      throw new InvalidInput("arguments", ["expected at least one job, found none"]);
    }
    const { entryPoint } = posting;
    await addSchedule(db, { ...this.schedule, entryPoint, args, options: optionsText(posting) });
    return { id: 0, jobCount: args.length, isNew: true, token: 0 };
  }

  /** @throws {InvalidInput} for jobs that another posting makes: that would post now. */
  override async run(): Promise<ExitCode> {
    const { gather, over, expand } = this;
    for (const [flag, value] of Object.entries({ gather, over, expand })) {
      if (value === undefined) continue;
      throw new InvalidInput(`--${flag}`, ["expected jobs with arguments of their own"]);
    }
    if (this.wait) throw new InvalidInput("--wait", ["expected it only when jobs are posted"]);
    return await super.run();
  }

  /** Nothing was posted, so there is no number to print. */
  override print(): void {}
  override printJson(): void {}
}
