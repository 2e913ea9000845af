import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { anyJob, type JobRow, type JobFilter } from "../../db/read/jobs.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { JobStatus } from "../output/schema-parts.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { pluralize } from "../output/pluralize.ts";
import { errorText } from "../../domain/error-causes.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { followLogs, type LogEnd, type LogPart } from "../watch/follow-logs.ts";
import { jobPages } from "../input/job-pages.ts";
import { findSelected, readSelectors, type Selected } from "../input/select.ts";
import { toEscapedJson } from "../output/escape-control.ts";

const Options = v.object({ state: v.optional(JobStatus) });

export class LogsCommand extends PdoflowCommand {
  static override paths = [["logs"]];
  static override usage = Command.Usage({
    description: "print the output and the error of jobs' latest attempts",
    details: `
      Prints the stored output. With -f, follows running jobs, about once a second, and prints jobs
      as they end, until all have ended. The last output of a job is then shown only if its output
      is stored. A lost connection is restored for up to five minutes.

      Output of several jobs is separated by lines such as \`==> 42/7 stderr <==\`. Output is stored
      when an attempt ends: by default for failed jobs, with \`post --output all\` for all jobs.
    `,
    examples: [
      ["Print the output of one job", "$0 logs 42/7"],
      ["Follow a posting while it runs", "$0 logs 42 -f"],
      ["Read the output of all failed jobs", "$0 logs 42 --failed | less"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  failed = Option.Boolean("--failed", false, { description: "only failed jobs" });
  state = Option.String("--state", {
    description: "only jobs that are running, retrying, done, failed or cancelled",
  });
  follow = Option.Boolean("-f,--follow", false, {
    description: "follow running jobs, and print jobs as they end",
  });

  async run() {
    const { state } = parseFlags(Options, this);
    if (this.failed && state !== undefined) {
      throw new InvalidInput("options", ["expected --failed or --state, found both"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const status = this.failed ? "failed" : (state ?? null);
    const filter = { ...anyJob, status };
    const selected = await this.withDatabase(async (db) => {
      const found = await findSelected(db, selectors);
      if (!this.follow) await this.#print(db, found, filter);
      return found;
    });
    return this.follow ? await this.#follow(selected, filter) : exitCodes.ok;
  }

  async #print(db: Db, selected: readonly Selected[], filter: JobFilter) {
    const isOne = isOneJob(selected);
    let count = 0;
    const seen = { running: 0, ended: 0 };
    for await (const { postingId, rows } of jobPages(db, selected, filter)) {
      for (const row of rows) {
        const text = this.json ? lineOf(postingId, row) : textOf(postingId, row, isOne);
        if (text !== "") count += 1;
        if (row.status === "running") seen.running += 1;
        else if (row.endedAt !== null) seen.ended += 1;
        await this.printInPace(text);
      }
    }
    if (this.json) return;
    if (count === 0) this.say(await this.#whyNone(db, selected, seen.ended));
    if (seen.running > 0) {
      const [are, it] = seen.running === 1 ? ["is", "its"] : ["are", "their"];
      this.say(
        `${pluralize(seen.running, "job")} ${are} running; follow ${it} output with: ` +
          `pdoflow logs -f ${this.jobs.join(" ")}`,
      );
    }
  }

  /** Why nothing was printed. */
  async #whyNone(db: Db, selected: readonly Selected[], ended: number): Promise<string> {
    if (ended === 0) return "none of these jobs has ended";
    const rows = await findPostings(
      db,
      selected.map(({ id }) => id),
    );
    if (rows.every(({ keepsOutput }) => keepsOutput === "all")) return "these jobs printed nothing";
    return (
      "no output is stored for these jobs: only that of failed jobs is, unless you post with " +
      "--output all"
    );
  }

  async #follow(selected: readonly Selected[], filter: JobFilter) {
    const titles = new Titles(isOneJob(selected));
    await followLogs(
      (work) => this.withDatabase(work),
      selected,
      filter,
      (news) =>
        this.printInPace(this.json ? lineOfNews(news) : textOfNews(news, titles, filter.status)),
    );
    return exitCodes.ok;
  }
}

function isOneJob([one, ...others]: readonly Selected[]): boolean {
  const [range] = one?.indices ?? [];
  return others.length === 0 && range !== undefined && range.first === range.last;
}

function textOfNews(news: LogPart | LogEnd, titles: Titles, status: JobFilter["status"]): string {
  if ("text" in news) return titles.put(`${news.postingId}/${news.index}`, news.stream, news.text);
  const { postingId, row, rest } = news;
  if (status !== null && status !== row.status) return "";
  return partsOf({ ...row, ...rest })
    .map(({ name, text }) =>
      titles.put(`${postingId}/${row.index}`, name, text.endsWith("\n") ? text : `${text}\n`),
    )
    .join("");
}

function lineOfNews(news: LogPart | LogEnd): string {
  if (!("text" in news)) return lineOf(news.postingId, news.row);
  const { postingId, index, attempt, stream, text } = news;
  const job = `${postingId}/${index}`;
  const printed = { stdout: null, stderr: null, [stream]: text };
  const line = { version: 1 as const, job, status: "running" as const, attempt, ...printed };
  return `${toEscapedJson(v.parse(outputSchemas.logs, { ...line, error: null }))}\n`;
}

/** Separates the output of several streams by title lines, printed when the stream changes. */
class Titles {
  readonly #isOne: boolean;
  #title: string | null = null;
  #isAtStart = true;

  constructor(isOne: boolean) {
    this.#isOne = isOne;
  }

  /** The text, after a title line if one is needed. */
  put(job: string, stream: string, text: string): string {
    const title = `==> ${job} ${stream} <==`;
    const isNeeded = title !== this.#title && !(this.#isOne && this.#title === null);
    const before = isNeeded ? `${this.#isAtStart ? "" : "\n"}${title}\n` : "";
    this.#title = title;
    this.#isAtStart = text.endsWith("\n");
    return before + text;
  }
}

/** The output of a job, each stream under a title line unless it is the only one. */
function textOf(postingId: number, row: JobRow, isOne: boolean): string {
  const parts = partsOf(row);
  const isAlone = isOne && parts.length === 1;
  return parts
    .map(({ name, text }) => {
      const title = isAlone ? "" : `==> ${postingId}/${row.index} ${name} <==\n`;
      return `${title}${text}${text.endsWith("\n") ? "" : "\n"}`;
    })
    .join("");
}

function partsOf({ stdout, stderr, error }: JobRow): { name: string; text: string }[] {
  const parts = [
    { name: "stdout", text: stdout ?? "" },
    { name: "stderr", text: stderr ?? "" },
    { name: "error", text: error ? errorText(error) : "" },
  ];
  return parts.filter(({ text }) => text !== "");
}

function lineOf(postingId: number, row: JobRow): string {
  const { index, status, attempts: attempt, stdout, stderr, error } = row;
  if (attempt === 0) return "";
  const job = `${postingId}/${index}`;
  const line = { version: 1 as const, job, status, attempt, stdout, stderr, error };
  return `${toEscapedJson(v.parse(outputSchemas.logs, line))}\n`;
}
