import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { JobRow, JobFilter } from "../../db/read/jobs.ts";
import { JobStatus } from "../output/schema-parts.ts";
import { bytes, span } from "../../../tui/draw/words.ts";
import { localText } from "../../domain/local-time.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { csvLine } from "../output/csv-writer.ts";
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
      Shows the state of each job, with the host, the start, the duration, the CPU time and the peak
      memory of its latest attempt; of a running job the time so far, as its pool reported it. Jobs
      are read page by page as they are printed, so \`| head\` is quick. Finding a few jobs among
      millions takes a while, except for failed ones.
    `,
    examples: [
      ["List running jobs with their hosts", "$0 jobs 42 --state running"],
      ["Plot the CPU time and memory of all jobs", "$0 jobs 42 --csv > jobs.csv"],
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
  csv = Option.Boolean("--csv", false, {
    description: "print a table in CSV, with the fields of --json",
  });
  safe = Option.Boolean("--safe", false, {
    description: "with --csv, put an apostrophe before text that looks like a formula",
  });
  limit = Option.String("--limit", { description: "list at most N jobs (default: all)" });

  async run() {
    const { state = null, pool = null, limit = Infinity } = parseFlags(Options, this);
    if (this.csv && this.json) {
      throw new InvalidInput("options", ["expected one of --csv and --json"]);
    }
    if (this.safe && !this.csv) {
      throw new InvalidInput("--safe", ["expected --csv together with --safe"]);
    }
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
      if (isFirst && !this.json && !this.csv) this.say("no job matches");
      return exitCodes.ok;
    });
  }

  async #show(postingId: number, rows: readonly JobRow[], isFirst: boolean): Promise<void> {
    if (this.json) {
      await this.printInPace(escapeJson(rows.map((row) => lineOf(postingId, row)).join("")));
      return;
    }
    if (this.csv) {
      const lines = rows.map((row) => csvLine("csv", csvCells(postingId, row), this.safe));
      if (isFirst) lines.unshift(csvLine("csv", csvColumns, false));
      await this.printInPace(lines.join(""));
      return;
    }
    const text = this.tableText(
      header,
      rows.map((row) => cellsOf(postingId, row)),
      stateColor,
    );
    await this.printInPace(`${isFirst ? text : text.slice(text.indexOf("\n") + 1)}\n`);
  }
}

const header = [
  ...["job", "status", "attempts", "host", "started", "took", "cpu", "memory", "progress"],
  ...["arguments", "error"],
];

/** The CPU time of its newest attempt; null if it was not measured. */
const cpuMs = ({ cpuUserMs, cpuSystemMs }: JobRow): number | null =>
  cpuUserMs === null || cpuSystemMs === null ? null : cpuUserMs + cpuSystemMs;

/** The columns of --csv, with the names of the fields of --json. */
const csvColumns = [
  ...(["job", "status", "attempts", "pool", "host", "durationMs", "startedAt", "endedAt"] as const),
  ...(["cpuUserMs", "cpuSystemMs", "peakBytes", "readBytes", "writtenBytes", "error"] as const),
  "args",
] as const;

function csvCells(postingId: number, row: JobRow): string[] {
  const fields = { ...fieldsOf(postingId, row), error: errorText(row), args: row.args };
  return csvColumns.map((name) => {
    const value = fields[name];
    return value instanceof Date ? value.toISOString() : String(value ?? "");
  });
}

const errorText = ({ error }: JobRow): string =>
  error === null ? "" : `${error.name}: ${error.message.split("\n")[0]}`;

const cellsOf = (postingId: number, row: JobRow) => [
  `${postingId}/${row.index}`,
  row.status,
  row.status === "running" ? row.attempts + 1 : row.attempts,
  row.host ?? "-",
  row.startedAt === null ? "-" : localText(row.startedAt),
  timeText(row),
  cpuMs(row) === null ? "-" : span(cpuMs(row) ?? 0),
  row.peakBytes === null ? "-" : bytes(row.peakBytes),
  progressText(row),
  row.args,
  errorText(row),
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
  const fields = JSON.stringify({ version: 1, ...fieldsOf(postingId, row) });
  return `${fields.slice(0, -1)},"args":${row.args}}\n`;
}

function fieldsOf(postingId: number, row: JobRow) {
  const { index, status, attempts, poolId, host, durationMs, endedAt, error } = row;
  const { startedAt, elapsedMs, progress, note } = row;
  const { cpuUserMs, cpuSystemMs, peakBytes, readBytes, writtenBytes } = row;
  return {
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
    ...{ cpuUserMs, cpuSystemMs, peakBytes, readBytes, writtenBytes },
    error: error && { name: error.name, message: error.message },
  };
}
