import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import type { ResultWithArgs } from "../../db/read/results.ts";
import { JobStatus } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { resultPages } from "../input/job-pages.ts";
import { inOneLine, ResultTable } from "../output/result-table.ts";
import { findSelected, readSelectors, type Selected } from "../input/select.ts";
import { escaped } from "../output/escape-control.ts";

const Options = v.object({ state: v.optional(JobStatus) });

export class ResultsCommand extends PdoflowCommand {
  static override paths = [["results"]];
  static override usage = Command.Usage({
    description: "print what the jobs of postings returned",
    details: `
      One JSON object in each line, in the order in which the jobs were posted: posting, index,
      status, result and error. Memory stays the same for any number of jobs.

      With --csv or --tsv a result that is an object has a column for each field, any other is the
      column "result". The columns are all fields that any result has, in the order in which the
      function returns them, so the first line is printed when the last result was read; until then
      the rows wait in the temp folder. NaN, Infinity, dates and digits of a BigInt are written as
      such, lists and objects as JSON, null as nothing.
    `,
    examples: [
      ["All of posting 42", "$0 results 42 > results.ndjson"],
      ["Done jobs with their arguments, to plot", "$0 results 42 --state done --args --csv"],
      ["For a spreadsheet, from code that is not yours", "$0 results 42 --csv --safe"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  csv = Option.Boolean("--csv", false, { description: "comma-separated, with a header" });
  tsv = Option.Boolean("--tsv", false, { description: "tab-separated, with a header" });
  args = Option.Boolean("--args", false, {
    description: "also the arguments: columns arg1, arg2, … and those of the last object",
  });
  safe = Option.Boolean("--safe", false, {
    description: "with --csv or --tsv: an apostrophe before texts that spreadsheets would execute",
  });
  state = Option.String("--state", {
    description: "only jobs that are waiting, running, retrying, done, failed or cancelled",
  });

  async run() {
    const { state } = parseFlags(Options, this);
    if ([this.csv, this.tsv, this.json].filter(Boolean).length > 1) {
      throw new InvalidInput("options", ["expected one of --csv, --tsv and --json"]);
    }
    const kind = this.csv ? "csv" : this.tsv ? "tsv" : null;
    if (this.safe && kind === null) {
      throw new InvalidInput("--safe", ["expected --csv or --tsv with it"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    return await this.withDatabase(async (db) => {
      const selected = await findSelected(db, selectors);
      const isWanted = ({ status }: ResultWithArgs) => state === undefined || status === state;
      if (kind === null) await this.#printLines(db, selected, isWanted);
      else {
        using table = new ResultTable({ kind, hasArgs: this.args, isSafe: this.safe });
        for await (const { postingId, rows } of this.#pages(db, selected)) {
          table.add(postingId, rows.filter(isWanted));
        }
        for (const text of table.texts()) await this.printInPace(text);
      }
      return exitCodes.ok;
    });
  }

  #pages(db: Db, selected: readonly Selected[]) {
    return resultPages(db, selected, { hasArgs: this.args });
  }

  async #printLines(
    db: Db,
    selected: readonly Selected[],
    isWanted: (row: ResultWithArgs) => boolean,
  ): Promise<void> {
    for await (const { postingId, rows } of this.#pages(db, selected)) {
      const lines = rows.filter(isWanted).map((row) => this.#lineOf(postingId, row));
      if (lines.length > 0) await this.printInPace(escaped(lines.join("")));
    }
  }

  /** The values are JSON as it is stored: parsing it would lose digits, and time. */
  #lineOf(posting: number, { index, status, result, error, args }: ResultWithArgs): string {
    const given = this.args ? `,"args":${inOneLine(args ?? "null")}` : "";
    return (
      `{"posting":${posting},"index":${index},"status":"${status}",` +
      `"result":${inOneLine(result ?? "null")},"error":${error ?? "null"}${given}}\n`
    );
  }
}
