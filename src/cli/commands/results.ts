import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import type { ResultWithArgs } from "../../db/read/results.ts";
import { JobStatus } from "../output/schema-parts.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { resultPages } from "../input/job-pages.ts";
import { bareText } from "../output/bare-text.ts";
import { ResultPlot } from "../plot/result-plot.ts";
import { inOneLine, ResultTable } from "../output/result-table.ts";
import { findSelected, readSelectors, type Selected } from "../input/select.ts";
import { escapeJson } from "../output/escape-control.ts";

const Columns = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((name) => name.trim())),
  v.check(
    (names) => names.length <= 2 && names.every((name) => name !== ""),
    "expected a column, or two separated by a comma, such as loss or step,loss",
  ),
);
const Options = v.object({ state: v.optional(JobStatus), plot: v.optional(Columns) });

export class ResultsCommand extends PdoflowCommand {
  static override paths = [["results"]];
  static override usage = Command.Usage({
    description: "print the results of jobs",
    details: `
      Prints one JSON object per line, in the order in which the jobs were posted: posting, index,
      status, result and error. Memory use does not depend on the number of jobs.

      With --csv or --tsv, each field of a result object becomes a column; any other result goes to
      the column "result". The columns are the union of all fields, so printing starts after the
      last result has been read. Until then the rows are kept in the temporary folder. NaN,
      Infinity, dates and BigInts are written as text, lists and objects as JSON, null as an empty
      cell.

      With --raw, for shell scripts, each line is the result of a done job: text without quotes,
      anything else as JSON. Text with line breaks or control characters is also printed as JSON.

      With --plot, a histogram of one column, or two columns as points. A column is a field of the
      results or of the arguments (args.NAME if both have a field NAME), an argument (arg1, arg2),
      the whole result (result), or posting, index, status or error, the name of the error. If most
      values are words, each of the 15 most frequent ones gets a bar. Values that are missing, or
      not numbers, are counted below. The results are read once. The numbers are then kept in the
      temporary folder, so memory use does not depend on the number of jobs.
    `,
    examples: [
      ["Save the results of posting 42", "$0 results 42 > results.ndjson"],
      ["Save done jobs with their arguments", "$0 results 42 --state done --args --csv"],
      ["Show how a result depends on an argument", "$0 results 42 --plot arg1,loss"],
      ["Pass results to another program", "$0 results 42 --raw | xargs ls -l"],
      ["Open results of untrusted code in a spreadsheet", "$0 results 42 --csv --safe"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  csv = Option.Boolean("--csv", false, {
    description: "print comma-separated values with a header",
  });
  tsv = Option.Boolean("--tsv", false, { description: "print tab-separated values with a header" });
  raw = Option.Boolean("--raw", false, {
    description: "print only the results of done jobs, one per line, text without quotes",
  });
  args = Option.Boolean("--args", false, {
    description: "add the arguments: columns arg1, arg2, … and the fields of a last object",
  });
  safe = Option.Boolean("--safe", false, {
    description: "with --csv or --tsv, put an apostrophe before text that looks like a formula",
  });
  plot = Option.String("--plot", {
    description: "draw COLUMN as a histogram, or COLUMN,COLUMN as points",
  });
  ascii = Option.Boolean("--ascii", false, { description: "draw with ASCII characters only" });
  state = Option.String("--state", {
    description: "only jobs that are waiting, running, retrying, done, failed or cancelled",
  });

  async run() {
    const { state, plot } = parseFlags(Options, this);
    const isPlot = plot !== undefined;
    if ([this.csv, this.tsv, this.raw, this.json, isPlot].filter(Boolean).length > 1) {
      throw new InvalidInput("options", [
        "expected only one of --csv, --tsv, --raw, --json and --plot, found several",
      ]);
    }
    if (this.ascii && !isPlot) {
      throw new InvalidInput("--ascii", ["expected --plot together with --ascii"]);
    }
    if (this.raw && (this.args || (state ?? "done") !== "done")) {
      throw new InvalidInput("--raw", [
        "expected no --args and no --state, because it prints the results of done jobs only",
      ]);
    }
    const kind = this.csv ? "csv" : this.tsv ? "tsv" : null;
    if (this.safe && kind === null) {
      throw new InvalidInput("--safe", ["expected --csv or --tsv together with --safe"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    return await this.withDatabase(async (db) => {
      const selected = await findSelected(db, selectors);
      const only = this.raw ? "done" : state;
      const isWanted = ({ status }: ResultWithArgs) => only === undefined || status === only;
      if (plot) {
        using drawn = new ResultPlot(plot);
        for await (const { postingId, rows } of resultPages(db, selected, { hasArgs: true })) {
          drawn.add(postingId, rows.filter(isWanted));
        }
        this.print(drawn.lines(this.plotStyle(this.ascii)).join("\n"));
      } else if (kind === null) await this.#printLines(db, selected, isWanted);
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
      if (lines.length > 0) await this.printInPace(lines.join(""));
    }
  }

  /** Copies the values as stored JSON, because parsing would lose digits and time. */
  #lineOf(posting: number, { index, status, result, error, args }: ResultWithArgs): string {
    if (this.raw) return `${bareText(result)}\n`;
    const given = this.args ? `,"args":${inOneLine(args ?? "null")}` : "";
    return escapeJson(
      `{"posting":${posting},"index":${index},"status":"${status}",` +
        `"result":${inOneLine(result ?? "null")},"error":${error ?? "null"}${given}}\n`,
    );
  }
}
