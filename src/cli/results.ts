import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { ResultRow } from "../db/results.ts";
import { JobStatus } from "../domain/documents.ts";
import { exitCodes, InvalidInput } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { PdoflowCommand } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { resultPages } from "./job-pages.ts";
import { findSelected, readSelectors } from "./select.ts";
import { Separated, type Separation } from "./separated.ts";
import { escaped } from "./visible.ts";

const Options = v.object({ state: v.optional(JobStatus) });

export class ResultsCommand extends PdoflowCommand {
  static override paths = [["results"]];
  static override usage = Command.Usage({
    description: "print what the jobs of postings returned",
    details: `
      One JSON object in each line, in the order in which the jobs were posted: posting, index,
      status, result and error. With --csv or --tsv the fields of a result that is an object are
      columns, as far as the first results have them. Memory stays the same for any number of jobs.
    `,
    examples: [
      ["All of posting 42", "$0 results 42 > results.ndjson"],
      ["Those that are done, for a spreadsheet", "$0 results 42 --state done --csv"],
    ],
  });
  jobs = Option.Rest({ name: "posting or job", required: 1 });
  csv = Option.Boolean("--csv", false, { description: "comma-separated, with a header" });
  tsv = Option.Boolean("--tsv", false, { description: "tab-separated, with a header" });
  state = Option.String("--state", {
    description: "only jobs that are waiting, running, retrying, done, failed or cancelled",
  });

  async run() {
    const { state } = parseFlags(Options, this);
    if ([this.csv, this.tsv, this.json].filter(Boolean).length > 1) {
      throw new InvalidInput("options", ["expected one of --csv, --tsv and --json"]);
    }
    const selectors = await readSelectors(this.jobs, this.context.stdin);
    const separated = this.#separated();
    return await this.withDatabase(async (db) => {
      for await (const { postingId, rows } of resultPages(db, await findSelected(db, selectors))) {
        const wanted = rows.filter(({ status }) => state === undefined || status === state);
        const lines = separated
          ? separated.lines(wanted.map((row) => fieldsOf(postingId, row)))
          : escaped(wanted.map((row) => lineOf(postingId, row)).join(""));
        if (lines !== "") await this.printInPace(lines);
      }
      return exitCodes.ok;
    });
  }

  #separated(): Separated | null {
    const kind: Separation | null = this.csv ? "csv" : this.tsv ? "tsv" : null;
    return kind && new Separated(kind);
  }
}

/** The values are JSON as it is stored: parsing it would lose digits, and time. */
const lineOf = (posting: number, { index, status, result, error }: ResultRow) =>
  `{"posting":${posting},"index":${index},"status":"${status}",` +
  `"result":${result ?? "null"},"error":${error ?? "null"}}\n`;

function fieldsOf(posting: number, { index, status, result, error }: ResultRow) {
  const failure = error === null ? null : parse(Failure, JSON.parse(error), "an error");
  return {
    ...{ posting, index, status },
    error: failure && `${failure.name}: ${failure.message}`,
    ...resultFields(result),
  };
}

const Failure = v.object({ name: v.string(), message: v.string() });

/** The fields of a plain object; all else is one field, "result". */
function resultFields(text: string | null): Record<string, unknown> {
  if (text === null) return {};
  const value: unknown = JSON.parse(text);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || Object.keys(value).some((key) => key.startsWith("$"))) return { result: value };
  const own = new Set(["posting", "index", "status", "error"]);
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [own.has(name) ? `result.${name}` : name, field]),
  );
}
