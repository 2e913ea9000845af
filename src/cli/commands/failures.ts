import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { retryFailed } from "../../db/engine/control.ts";
import { type FailureGroup, mostFailures, readFailures } from "../../db/read/failures.ts";
import { findOfRuns } from "../../db/engine/routes.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readCounts } from "../../db/read/status.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import type { PostingState } from "../../domain/posting.ts";
import { throwPlace } from "../../job/job-error.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findSelected, findWholePostings, readSelectors } from "../input/select.ts";

interface Failures {
  id: number;
  failed: number;
  /** Of a `pdoflow run`, which retry refuses. */
  isOfRun: boolean;
  groups: readonly FailureGroup[];
}

const retryCommand = (id: number, { fingerprint }: FailureGroup) =>
  `pdoflow retry ${id} --group ${fingerprint}`;

export class FailuresCommand extends PdoflowCommand {
  static override paths = [["failures"]];
  static override usage = Command.Usage({
    description: "show why jobs of postings have failed, those alike as one",
    details: `
      By default of the newest posting. Failures are alike where the error has the same name and was
      thrown at the same place, or, without a stack, has the same message but for its numbers. Only
      failures that count: not of jobs that are being retried.
    `,
    examples: [
      ["Why posting 42 has failed", "$0 failures 42"],
      ["Try one kind of failure again", "$0 retry 42 --group 3f2a91bc"],
    ],
  });
  postings = Option.Rest({ name: "posting" });

  async run() {
    const words = this.postings.length === 0 ? ["last"] : this.postings;
    const selectors = await readSelectors(words, this.context.stdin);
    return await this.withDatabase(async (db) => {
      const postings = await this.#read(db, await findWholePostings(db, selectors));
      if (this.json) this.#printJson(postings);
      else for (const one of postings) this.#show(one);
      return exitCodes.ok;
    });
  }

  async #read(db: Db, ids: readonly number[]): Promise<Failures[]> {
    const counts = await readCounts(db, ids);
    const ofRuns = await findOfRuns(db, ids);
    const postings: Failures[] = [];
    for (const id of ids) {
      postings.push({
        id,
        failed: counts.get(id)?.failed ?? 0,
        isOfRun: ofRuns.includes(id),
        groups: await readFailures(db, id),
      });
    }
    return postings;
  }

  #show({ id, failed, isOfRun, groups }: Failures): void {
    const paint = this.paint("stdout");
    this.say(`posting ${id}: ${failed === 0 ? "no jobs have" : jobsHave(failed)} failed`);
    for (const group of groups) {
      const { fingerprint, count, error, index, attempt, host, firstAt, lastAt } = group;
      const [message = ""] = error.message.split("\n");
      const place = throwPlace(error.stack);
      const on = host === null ? "" : ` on ${host}`;
      this.show(
        `${paint("bold", fingerprint)}  ${pluralize(count, "job")}  ` +
          `${paint("red", `${error.name}: ${message}`)}${place === null ? "" : `, at ${place}`}\n` +
          `  from ${firstAt.toISOString()} to ${lastAt.toISOString()}, ` +
          `such as ${id}/${index} in attempt ${attempt}${on}\n` +
          (isOfRun ? "  retry: give the run anew" : `  retry: ${retryCommand(id, group)}`),
      );
    }
    const seen = groups.reduce((sum, { count }) => sum + count, 0);
    if (seen === mostFailures && failed > seen) {
      this.say(`only the first ${seen.toLocaleString("en")} of them were looked at`);
    }
  }

  #printJson(postings: readonly Failures[]): void {
    this.printJson(documents.failures, {
      postings: postings.map(({ id, failed, groups }) => ({
        id,
        failed,
        groups: groups.map((group) => {
          const { fingerprint, count, firstAt, lastAt, index, attempt, host } = group;
          const { name, message, stack = null } = group.error;
          const error = { name, message, stack, place: throwPlace(stack ?? undefined) };
          const example = { job: `${id}/${index}`, attempt, host, error };
          const retryWith = retryCommand(id, group);
          return { fingerprint, count, firstAt, lastAt, example, retryWith };
        }),
      })),
    });
  }
}

const jobsHave = (count: number) => `${pluralize(count, "job")} ${count === 1 ? "has" : "have"}`;

/** No pool would ever take a retry of it. */
class PostingOfRun extends PdoflowError {
  override readonly name = "PostingOfRun";
  readonly exitCode = exitCodes.usage;
  constructor(id: number) {
    super(
      `posting ${id} is of a "pdoflow run", whose own pool alone runs its jobs, and which has ` +
        `ended. Nothing was retried: give the run anew, or see what it did: pdoflow failures ${id}`,
    );
  }
}

export class RetryCommand extends PdoflowCommand {
  static override paths = [["retry"]];
  static override usage = Command.Usage({
    description: "try failed jobs once more, in place",
    details: `
      They keep their number, their arguments and their earlier attempts, and get one attempt more
      than they had; a posting that had finished is open again. Jobs that have not failed are left
      as they are, and so is a posting that was cancelled.
    `,
    examples: [
      ["All failed jobs of a posting", "$0 retry 42 --failed"],
      ["One job", "$0 retry 42/7"],
      ["Those that `$0 failures` shows as one", "$0 retry 42 --group 3f2a91bc"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  failed = Option.Boolean("--failed", false, { description: "all failed jobs of whole postings" });
  group = Option.String("--group", {
    description: "only failures with this fingerprint, or one that begins so",
  });

  async run() {
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const { group = null } = this;
    if (group !== null && !/^[0-9a-f]{4,8}$/.test(group)) {
      throw new InvalidInput("--group", [
        `expected 4 to 8 digits of 0-9 and a-f, found "${group}"`,
      ]);
    }
    const whole = selectors.find(({ indices }) => indices === null);
    if (whole && !this.failed && group === null) {
      throw new InvalidInput(`selector "${whole.text}"`, [
        "expected jobs such as 42/7; for all that have failed, say --failed",
      ]);
    }
    return await this.withDatabase(async (db) => {
      const selected = await findSelected(db, selectors);
      const [ofRun] = await findOfRuns(
        db,
        selected.map(({ id }) => id),
      );
      if (ofRun !== undefined) throw new PostingOfRun(ofRun);
      const retried = new Map<number, number>();
      for (const { id, indices } of selected) {
        retried.set(id, (await retryFailed(db, id, { indices, fingerprint: group })) ?? 0);
      }
      const now = await findPostings(db, [...retried.keys()]);
      const told = now.map(({ id, state }) => ({ id, state, retried: retried.get(id) ?? 0 }));
      if (this.json) this.printJson(documents.retry, { postings: told });
      else for (const one of told) this.#tell(one);
      return exitCodes.ok;
    });
  }

  #tell({ id, state, retried }: { id: number; state: PostingState; retried: number }): void {
    const isCancelled = state === "cancelled" ? `, it is cancelled: post it anew` : "";
    const isStopped =
      state === "paused" || state === "errored_out"
        ? `; it is ${state}, go on with: pdoflow resume ${id}`
        : "";
    this.say(
      retried === 0
        ? `posting ${id}: no job is retried${isCancelled || ", none of these has failed"}`
        : `posting ${id}: ${pluralize(retried, "job")} ${retried === 1 ? "is" : "are"} retried` +
            isStopped,
    );
  }
}
