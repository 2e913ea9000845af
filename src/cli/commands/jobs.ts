import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { JobRow, JobFilter } from "../../db/read/jobs.ts";
import { JobStatus } from "../output/schema-parts.ts";
import { span } from "../../../tui/draw/words.ts";
import { localText } from "../../domain/local-time.ts";
import { exitCodes } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { jobPages } from "../input/job-pages.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { findSelected, readSelectors } from "../input/select.ts";
import { stateColor } from "./status.ts";
import { escapeJson } from "../output/escape-control.ts";

const Options = v.object({
  state: v.optional(JobStatus),
  pool: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  limit: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
});

export class JobsCommand extends PdoflowCommand {
  static override paths = [["jobs"]];
  static override usage = Command.Usage({
    description: "list the jobs of postings",
    details: `
      Shows the state of each job, with the host, the start and the duration of its latest attempt;
      of a running job the time so far, as its pool reported it. Jobs are read page by page as they
      are printed, so \`| head\` is quick. Finding a few jobs among millions takes a while, except
      for failed ones.
    `,
    examples: [
      ["List running jobs with their hosts", "$0 jobs 42 --state running"],
      ["Find the jobs for one file", "$0 jobs 42 --arg m31.fits"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  state = Option.String("--state", {
    description: "only jobs that are waiting, running, retrying, done, failed or cancelled",
  });
  host = Option.String("--host", { description: "only jobs that ran on this host" });
  pool = Option.String("--pool", { description: "only jobs that this pool ran" });
  argument = Option.String("--arg", {
    description: "only jobs whose arguments, as JSON, contain this text",
  });
  limit = Option.String("--limit", { description: "list at most N jobs (default: all)" });

  async run() {
    const { state = null, pool = null, limit = Infinity } = parseFlags(Options, this);
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const filter: JobFilter = {
      status: state,
      host: this.host ?? null,
      poolId: pool,
      argument: this.argument ?? null,
    };
    return await this.withDatabase(async (db) => {
      let left = limit;
      let isFirst = true;
      const pages = jobPages(db, await findSelected(db, selectors), filter);
      for await (const { postingId, rows } of pages) {
        const shown = rows.slice(0, left);
        left -= shown.length;
        await this.#show(postingId, shown, isFirst);
        isFirst = false;
        if (left === 0) break;
      }
      if (isFirst && !this.json) this.say("no job matches");
      return exitCodes.ok;
    });
  }

  async #show(postingId: number, rows: readonly JobRow[], isFirst: boolean): Promise<void> {
    if (this.json) {
      await this.printInPace(escapeJson(rows.map((row) => lineOf(postingId, row)).join("")));
      return;
    }
    const text = this.tableText(
      ["job", "status", "attempts", "host", "started", "took", "progress", "arguments", "error"],
      rows.map((row) => cellsOf(postingId, row)),
      stateColor,
    );
    await this.printInPace(`${isFirst ? text : text.slice(text.indexOf("\n") + 1)}\n`);
  }
}

const cellsOf = (postingId: number, row: JobRow) => [
  `${postingId}/${row.index}`,
  row.status,
  row.status === "running" ? row.attempts + 1 : row.attempts,
  row.host ?? "-",
  row.startedAt === null ? "-" : localText(row.startedAt),
  timeText(row),
  progressText(row),
  row.args,
  row.error === null ? "" : `${row.error.name}: ${row.error.message.split("\n")[0]}`,
];

/** "1.2s", and of a running job "40s …". */
function timeText({ durationMs, elapsedMs, error }: JobRow): string {
  if (elapsedMs !== null) return `${span(elapsedMs)} …`;
  // The pool was lost before it reported that the job ran.
  const isUnknown = durationMs === 0 && error?.name === "PoolLost";
  return durationMs === null || isUnknown ? "-" : span(durationMs);
}

/** "40 % fitting"; empty if the job has not reported any progress. */
const progressText = ({ progress, note }: JobRow): string =>
  progress === null ? "" : `${Math.floor(progress * 100)} % ${note ?? ""}`.trimEnd();

/** Copies the arguments as stored JSON, because parsing would lose digits. */
function lineOf(postingId: number, row: JobRow): string {
  const { index, status, attempts, poolId, host, durationMs, endedAt, error, args } = row;
  const { startedAt, elapsedMs, progress, note } = row;
  const fields = {
    version: 1,
    job: `${postingId}/${index}`,
    status,
    attempts,
    pool: poolId,
    host,
    durationMs,
    startedAt,
    elapsedMs,
    progress,
    note,
    endedAt,
    error: error && { name: error.name, message: error.message },
  };
  return `${JSON.stringify(fields).slice(0, -1)},"args":${args}}\n`;
}
