import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { anyJob, type JobRow, type JobFilter } from "../../db/read/jobs.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { documents, JobStatus } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { type End, followLogs, type Part } from "../watch/follow-logs.ts";
import { jobPages } from "../input/job-pages.ts";
import { findSelected, readSelectors, type Selected } from "../input/select.ts";
import { visibleJson } from "../output/escape-control.ts";

const Options = v.object({ state: v.optional(JobStatus) });

export class LogsCommand extends PdoflowCommand {
  static override paths = [["logs"]];
  static override usage = Command.Usage({
    description: "print what jobs printed in their newest attempt, and why it failed",
    details: `
      Prints what is there and ends; with -f it goes on with what running jobs print, about every
      second, and with jobs as they end, until all of them have. What a job prints just before it
      ends is then seen only where its output is kept. A connection that is lost is made anew, for
      five minutes.

      Of several jobs a line such as \`==> 42/7 stderr <==\` says whose it is. Output is kept once
      an attempt has ended: by default of failures, with \`post --output all\` of all.
    `,
    examples: [
      ["One job", "$0 logs 42/7"],
      ["A posting as it runs", "$0 logs 42 -f"],
      ["All that failed", "$0 logs 42 --failed | less"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  failed = Option.Boolean("--failed", false, { description: "only of jobs that have failed" });
  state = Option.String("--state", {
    description: "only of jobs that are running, retrying, done, failed or cancelled",
  });

  follow = Option.Boolean("-f,--follow", false, {
    description: "go on with what running jobs print, and with jobs as they end",
  });

  async run() {
    const { state } = parseFlags(Options, this);
    if (this.failed && state !== undefined) {
      throw new InvalidInput("options", ["expected --failed or --state, found both"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const status = this.failed ? "failed" : (state ?? null);
    const wish = { ...anyJob, status };
    const selected = await this.withDatabase(async (db) => {
      const found = await findSelected(db, selectors);
      if (!this.follow) await this.#print(db, found, wish);
      return found;
    });
    return this.follow ? await this.#follow(selected, wish) : exitCodes.ok;
  }

  async #print(db: Db, selected: readonly Selected[], wish: JobFilter) {
    const isOne = isOneJob(selected);
    let count = 0;
    for await (const { postingId, rows } of jobPages(db, selected, wish)) {
      for (const row of rows) {
        const text = this.json ? lineOf(postingId, row) : textOf(postingId, row, isOne);
        if (text !== "") count += 1;
        await this.printInPace(text);
      }
    }
    if (count === 0 && !this.json) this.say("no output was kept of these");
  }

  async #follow(selected: readonly Selected[], wish: JobFilter) {
    const titles = new Titles(isOneJob(selected));
    const target = await this.target();
    const open = () => openDatabase(target, { connections: 1 });
    return await this.explaining(target, async () => {
      for await (const news of followLogs(open, selected, wish)) {
        const text = this.json ? lineOfNews(news) : textOfNews(news, titles, wish.status);
        await this.printInPace(text);
      }
      return exitCodes.ok;
    });
  }
}

function isOneJob([one, ...others]: readonly Selected[]): boolean {
  const [range] = one?.indices ?? [];
  return others.length === 0 && range !== undefined && range.first === range.last;
}

function textOfNews(news: Part | End, titles: Titles, status: JobFilter["status"]): string {
  if ("text" in news) return titles.put(`${news.postingId}/${news.index}`, news.stream, news.text);
  const { postingId, row, rest } = news;
  if (status !== null && status !== row.status) return "";
  return partsOf({ ...row, ...rest })
    .map(({ name, text }) =>
      titles.put(`${postingId}/${row.index}`, name, text.endsWith("\n") ? text : `${text}\n`),
    )
    .join("");
}

function lineOfNews(news: Part | End): string {
  if (!("text" in news)) return lineOf(news.postingId, news.row);
  const { postingId, index, attempt, stream, text } = news;
  const job = `${postingId}/${index}`;
  const printed = { stdout: null, stderr: null, [stream]: text };
  const line = { version: 1 as const, job, status: "running" as const, attempt, ...printed };
  return `${visibleJson(v.parse(documents.logs, { ...line, error: null }))}\n`;
}

/** Puts what comes from several streams under a line that says whose it is, where that changes. */
class Titles {
  readonly #isOne: boolean;
  #title: string | null = null;
  #isAtStart = true;

  constructor(isOne: boolean) {
    this.#isOne = isOne;
  }

  /** The text, with the title before it where it is needed. */
  put(job: string, stream: string, text: string): string {
    const title = `==> ${job} ${stream} <==`;
    const isNeeded = title !== this.#title && !(this.#isOne && this.#title === null);
    const before = isNeeded ? `${this.#isAtStart ? "" : "\n"}${title}\n` : "";
    this.#title = title;
    this.#isAtStart = text.endsWith("\n");
    return before + text;
  }
}

/** What was printed, under a line that says by whom unless it is the only one. */
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
    { name: "error", text: error ? (error.stack ?? `${error.name}: ${error.message}`) : "" },
  ];
  return parts.filter(({ text }) => text !== "");
}

function lineOf(postingId: number, row: JobRow): string {
  const { index, status, attempts: attempt, stdout, stderr, error } = row;
  if (attempt === 0) return "";
  const job = `${postingId}/${index}`;
  const line = { version: 1 as const, job, status, attempt, stdout, stderr, error };
  return `${visibleJson(v.parse(documents.logs, line))}\n`;
}
