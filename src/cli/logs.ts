import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { JobRow } from "../db/jobs.ts";
import { documents, JobStatus } from "../domain/documents.ts";
import { exitCodes, InvalidInput } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { PdoflowCommand } from "./command.ts";
import { jobPages } from "./job-pages.ts";
import { findSelected, readSelectors } from "./select.ts";

const Options = v.object({ state: v.optional(JobStatus) });

export class LogsCommand extends PdoflowCommand {
  static override paths = [["logs"]];
  static override usage = Command.Usage({
    description: "print what jobs printed in their newest attempt, and why it failed",
    details: `
      Of several jobs a line such as \`==> 42/7 stderr <==\` says whose it is. Output is kept once
      an attempt has ended: by default of failures, with \`post --output all\` of all.
    `,
    examples: [
      ["One job", "$0 logs 42/7"],
      ["All that failed", "$0 logs 42 --failed | less"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  failed = Option.Boolean("--failed", false, { description: "only of jobs that have failed" });
  state = Option.String("--state", {
    description: "only of jobs that are running, retrying, done, failed or cancelled",
  });

  async run() {
    const { state } = parse(Options, this, "options of logs");
    if (this.failed && state !== undefined) {
      throw new InvalidInput("options of logs", ["expected --failed or --state, found both"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const status = this.failed ? "failed" : (state ?? null);
    const wish = { status, host: null, poolId: null, argument: null } as const;
    return await this.withDatabase(async (db) => {
      const selected = await findSelected(db, selectors);
      const [one] = selected;
      const [range] = one?.indices ?? [];
      const isOne = selected.length === 1 && range !== undefined && range.first === range.last;
      let count = 0;
      for await (const { postingId, rows } of jobPages(db, selected, wish)) {
        for (const row of rows) {
          const text = this.json ? lineOf(postingId, row) : textOf(postingId, row, isOne);
          if (text !== "") count += 1;
          await this.printInPace(text);
        }
      }
      if (count === 0 && !this.json) this.say("no output was kept of these");
      return exitCodes.ok;
    });
  }
}

/** What was printed, under a line that says by whom unless it is the only one. */
function textOf(postingId: number, row: JobRow, isOne: boolean): string {
  const { stdout, stderr, error } = row;
  const parts = [
    { name: "stdout", text: stdout },
    { name: "stderr", text: stderr },
    { name: "error", text: error && (error.stack ?? `${error.name}: ${error.message}`) },
  ].filter(({ text }) => text !== null && text !== "");
  const isAlone = isOne && parts.length === 1;
  return parts
    .map(({ name, text }) => {
      const title = isAlone ? "" : `==> ${postingId}/${row.index} ${name} <==\n`;
      return `${title}${text}${text?.endsWith("\n") ? "" : "\n"}`;
    })
    .join("");
}

function lineOf(postingId: number, row: JobRow): string {
  const { index, status, attempts: attempt, stdout, stderr, error } = row;
  if (attempt === 0) return "";
  const job = `${postingId}/${index}`;
  const line = { version: 1 as const, job, status, attempt, stdout, stderr, error };
  return `${JSON.stringify(v.parse(documents.logs, line))}\n`;
}
