import { Command, Option } from "clipanion";

import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import { findFlow, parseFlow } from "../flow/flow-named.ts";
import { findWholePostings, readSelectors } from "../input/select.ts";
import { ReportFile } from "../output/report-file.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { reportText } from "../shell/report-writing.ts";

export class ReportCommand extends PdoflowCommand {
  static override paths = [["report"]];
  static override usage = Command.Usage({
    description: "write a report about postings and flows: one page to read, send or keep",
    details: `
      The page is one HTML file. It loads nothing and has no script, so you can send it by mail or
      open it years later. It shows what ran, when and where, how long attempts took, and why jobs
      failed. A file that ends in .json gets the same figures as JSON.

      Postings need not have ended. Arguments of jobs and what they printed are only included with
      --show-values; messages of errors always are.
    `,
    examples: [
      ["Write a page about a posting", "$0 report 42 -o report.html"],
      ["About the newest flow of a name", "$0 report --flow @night -o night.html"],
      ["The figures for a script", "$0 report 42 -o - --json"],
    ],
  });
  postings = Option.Rest({ name: "posting" });
  flow = Option.Array("--flow", [], {
    description: "a flow with all its stages, such as 7, last or @night",
  });
  output = Option.String("-o,--output", {
    description:
      "the file to write, - for standard output; JSON if it ends in .json (default: " +
      "report-NUMBER.html)",
  });
  showValues = Option.Boolean("--show-values", false, {
    description: "include arguments of jobs, and what failed jobs printed",
  });

  async run(): Promise<ExitCode> {
    const selectors = await readSelectors(this.postings, this.context.stdin);
    const picks = this.flow.map(parseFlow);
    if (selectors.length + picks.length === 0) {
      throw new InvalidInput("report", [
        "expected a posting such as 42, last or @name, or --flow, found neither",
      ]);
    }
    // A file that cannot be written is found before a million jobs are read.
    const named = this.output === undefined || this.output === "-" ? null : this.#file(this.output);
    return await this.withDatabase(async (db) => {
      const postings = await findWholePostings(db, selectors);
      const flows: number[] = [];
      for (const pick of picks) flows.push((await findFlow(db, pick)).id);
      const isPrinted = this.output === "-" || (this.output === undefined && this.json);
      const file = isPrinted ? null : (named ?? this.#file(defaultName(postings, flows)));
      const isJson = file === null ? this.json : file.isJson;
      const wish = { postings, flows, withValues: this.showValues };
      const text = await reportText(this, db, wish, isJson);
      if (file === null) await this.printInPace(text);
      else {
        await file.write(text);
        this.say(`report: ${file.path}`);
      }
      return exitCodes.ok;
    });
  }

  #file(name: string): ReportFile {
    return new ReportFile(this.context.cwd, name);
  }
}

function defaultName(postings: readonly number[], flows: readonly number[]): string {
  const [posting, flow] = [postings[0], flows[0]];
  if (posting === undefined) return `report-flow-${flow}.html`;
  return `report-${posting}.html`;
}
