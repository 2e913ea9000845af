import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { retryFailed, setLimits } from "../../db/engine/control.ts";
import {
  type FailureGroup,
  failureLimit,
  readFailures,
  readRetrying,
} from "../../db/read/failures.ts";
import { findOfRuns } from "../../db/engine/routes.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import type { JobError } from "../../domain/attempt.ts";
import { causesOf } from "../../domain/error-causes.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { localText } from "../../domain/local-time.ts";
import type { PostingState } from "../../domain/states.ts";
import { throwLocation } from "../../job/job-error.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { resumeAnyway } from "../diagnosis/explain.ts";
import { changeFlags, parseLimits } from "../input/limit-flags.ts";
import { findSelected, findWholePostings, readSelectors } from "../input/select.ts";

interface Failures {
  id: number;
  state: PostingState;
  reason: string | null;
  failed: number;
  retrying: number;
  groups: readonly Group[];
}

interface Group extends FailureGroup {
  state: "failed" | "retrying";
  /** Null if the jobs are being retried already. */
  retryWith: string | null;
}

export class FailuresCommand extends PdoflowCommand {
  static override paths = [["failures"]];
  static override usage = Command.Usage({
    description: "show why jobs of postings failed, grouped by error",
    details: `
      Without an argument, shows the newest posting. Errors form a group if they have the same name
      and were thrown at the same line or, without a stack, have the same message apart from
      numbers. Jobs that are being retried are in groups of their own, with their last error.
    `,
    examples: [
      ["Show why jobs of posting 42 failed", "$0 failures 42"],
      ["Retry one group of failures", "$0 retry 42 --group 3f2a91bc"],
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
    const counts = new Map((await readPostingCounts(db, ids)).map((row) => [row.id, row]));
    const postings: Failures[] = [];
    for (const id of ids) {
      const { state = "open", reason = null, failed = 0 } = counts.get(id) ?? {};
      const retryOf = ({ fingerprint }: FailureGroup) =>
        `pdoflow retry ${id} --group ${fingerprint}`;
      const final = (await readFailures(db, id)).map((group): Group => ({
        ...group,
        state: "failed",
        retryWith: retryOf(group),
      }));
      const again = (state === "cancelled" ? [] : await readRetrying(db, id)).map(
        (group): Group => ({ ...group, state: "retrying", retryWith: null }),
      );
      const retrying = again.reduce((sum, { count }) => sum + count, 0);
      postings.push({ id, state, reason, failed, retrying, groups: [...final, ...again] });
    }
    return postings;
  }

  #show({ id, state, reason, failed, retrying, groups }: Failures): void {
    const paint = this.paint("stdout");
    const again = retrying === 0 ? "" : `, ${retrying} ${beVerb(retrying)} being retried`;
    this.say(`posting ${id}: ${failed === 0 ? "no jobs have" : jobsHave(failed)} failed${again}`);
    if (state === "errored_out") {
      this.say(
        `posting ${id} was stopped: ${reason ?? "no reason given"}\n` +
          `After fixing the cause, run: pdoflow resume ${id}\n` +
          `To go on although jobs fail, run: ${resumeAnyway(id, reason)}`,
      );
    }
    for (const group of groups) {
      const { fingerprint, count, error, index, attempt, host, firstAt, lastAt } = group;
      const [message = ""] = error.message.split("\n");
      const location = throwLocation(error.stack);
      const on = host === null ? "" : ` on ${host}`;
      const isAgain = group.state === "retrying";
      const next = group.retryWith ?? "under way";
      this.show(
        `${paint("bold", fingerprint)}  ${pluralize(count, "job")}` +
          `${isAgain ? " being retried" : ""}  ` +
          paint("red", `${error.name}: ${message}`) +
          (location === null ? "\n" : `, at ${location}\n`) +
          newCausesOf(error).slice(0, 3).map(causeLine).join("") +
          `  ${between(firstAt, lastAt)}, ` +
          `for example ${id}/${index} in attempt ${attempt}${on}\n` +
          `  retry: ${next}`,
      );
    }
    const seen = groups.reduce(
      (sum, { state, count }) => sum + (state === "failed" ? count : 0),
      0,
    );
    if (seen === failureLimit && failed > seen) {
      this.say(`only the first ${seen.toLocaleString("en")} failures are grouped here`);
    }
  }

  #printJson(postings: readonly Failures[]): void {
    this.printJson(outputSchemas.failures, {
      postings: postings.map(({ groups, ...posting }) => ({
        ...posting,
        groups: groups.map((group) => {
          const { state, fingerprint, count, firstAt, lastAt, retryWith } = group;
          const { index, attempt, host } = group;
          const { name, message, stack = null } = group.error;
          const error = { name, message, stack, location: throwLocation(stack ?? undefined) };
          const example = { job: `${posting.id}/${index}`, attempt, host, error };
          return { state, fingerprint, count, firstAt, lastAt, example, retryWith };
        }),
      })),
    });
  }
}

/** Without causes whose messages its own message contains, as that of a failed import does. */
const newCausesOf = (error: JobError) =>
  causesOf(error).filter(({ message }) => !error.message.includes(message));

const causeLine = ({ name, message }: JobError) =>
  `  caused by ${name}: ${message.split("\n")[0] ?? ""}\n`;

/** In local time, as other commands print it. */
function between(first: Date, last: Date): string {
  const [from, to] = [localText(first), localText(last)];
  return from === to ? `at ${from}` : `from ${from} to ${to}`;
}

const beVerb = (count: number) => (count === 1 ? "is" : "are");
const jobsHave = (count: number) => `${pluralize(count, "job")} ${count === 1 ? "has" : "have"}`;

export class RetryCommand extends PdoflowCommand {
  static override paths = [["retry"]];
  static override usage = Command.Usage({
    description: "retry failed jobs",
    details: `
      Gives each failed job one more attempt. Jobs keep their number, arguments and earlier
      attempts; a finished posting becomes open again. Jobs that have not failed and cancelled
      postings do not change. The other options change the posting for all its further attempts:
      with a larger --max-attempts, each of these jobs gets as many as are left.
    `,
    examples: [
      ["Retry all failed jobs of a posting", "$0 retry 42 --failed"],
      ["Retry them with more time", "$0 retry 42 --failed --timeout 1h"],
      ["Retry one job", "$0 retry 42/7"],
      ["Retry one group of `$0 failures`", "$0 retry 42 --group 3f2a91bc"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  failed = Option.Boolean("--failed", false, { description: "all failed jobs of whole postings" });
  group = Option.String("--group", {
    description: "only failures whose fingerprint begins with this",
  });

  constructor() {
    super();
    Object.assign(this, changeFlags());
  }

  async run() {
    const limits = parseLimits(this);
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
        "expected jobs such as 42/7. To retry all failed jobs of a posting, add --failed",
      ]);
    }
    return await this.withDatabase(async (db) => {
      const selected = await findSelected(db, selectors);
      const ids = selected.map(({ id }) => id);
      const retried = new Map<number, number>();
      if (limits !== null) await setLimits(db, ids, limits);
      for (const { id, indices } of selected) {
        retried.set(id, (await retryFailed(db, id, { indices, fingerprint: group })) ?? 0);
      }
      const now = await findPostings(db, [...retried.keys()]);
      const postings = now.map(({ id, state }) => ({ id, state, retried: retried.get(id) ?? 0 }));
      const ofRuns = await findOfRuns(db, [...retried.keys()]);
      if (this.json) this.printJson(outputSchemas.retry, { postings });
      else for (const one of postings) this.#report(one, ofRuns.includes(one.id));
      return exitCodes.ok;
    });
  }

  #report(
    { id, state, retried }: { id: number; state: PostingState; retried: number },
    isOfRun: boolean,
  ): void {
    if (retried === 0) {
      const why =
        state === "cancelled" ? "it is cancelled; post it again" : "none of these jobs has failed";
      this.say(`posting ${id}: no job is retried: ${why}`);
      return;
    }
    const isStopped = state === "paused" || state === "errored_out";
    const remedy = isOfRun
      ? `; run them with: pdoflow run --resume ${id}`
      : isStopped
        ? `; it is ${state}, resume it with: pdoflow resume ${id}`
        : "";
    const verb = retried === 1 ? "is" : "are";
    this.say(`posting ${id}: ${pluralize(retried, "job")} ${verb} retried${remedy}`);
  }
}
