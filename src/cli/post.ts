import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import { insertPosting, type JobBatch } from "../db/postings.ts";
import { parseNeeds } from "../domain/capabilities.ts";
import { type EntryPoint, formatEntryPoint, parseEntryPoint } from "../domain/entry-point.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { readArguments } from "../input/read-arguments.ts";
import { checkEntryPoint } from "../pool/check-entry.ts";
import { PdoflowCommand } from "./command.ts";
import { duration, wholeNumber } from "./numbers.ts";
import { Progress } from "./progress.ts";

const Options = v.object({
  priority: v.optional(wholeNumber(-(2 ** 31), 2 ** 31 - 1), "0"),
  tries: v.optional(wholeNumber(1, 1000), "3"),
  backoff: v.optional(duration, "1s"),
  timeout: v.optional(duration),
  grace: v.optional(duration, "5s"),
  stopAfter: v.optional(wholeNumber(0, 1_000_000), "10"),
  maxFailures: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^([1-9]\d*|\d+(\.\d+)?%)$/,
        "expected a number of jobs such as 100, or a share such as 5%",
      ),
    ),
  ),
  maxRunning: v.optional(wholeNumber(1, 2 ** 31 - 1)),
  output: v.optional(
    v.picklist(["none", "failures", "all"], "expected none, failures or all"),
    "failures",
  ),
  keep: v.optional(duration),
  format: v.optional(v.picklist(["auto", "json", "ndjson"], "expected json or ndjson"), "auto"),
});

/** The file of arguments can't be read. */
export class ArgumentsNotFound extends PdoflowError {
  override readonly name = "ArgumentsNotFound";
  readonly exitCode = exitCodes.notFound;
}

export class PostCommand extends PdoflowCommand {
  static override paths = [["post"]];
  static override usage = Command.Usage({
    description: "post a batch of jobs",
    details: `
      Posts one job for each list of arguments, all or none, and prints the number of the posting.

      The file is a JSON array of argument lists, \`[[1, "a.txt"], [2, "b.txt"]]\`, or of objects
      of keyword arguments, \`[{"n": 1}, {"n": 2}]\`; or NDJSON, one list or object in a line.
      \`-\`, or no name and a pipe, reads standard input.
    `,
    examples: [
      ["Post the calls in a file", "$0 post fit.ts#fit args.json"],
      [
        "Post from a pipe, before others",
        "seq 100 | jq -c '[.]' | $0 post fit.ts#fit - --priority 5",
      ],
    ],
  });
  entryPoint = Option.String({ name: "file.ts#name" });
  file = Option.String({ name: "args.json", required: false });
  root = Option.String("--root", {
    description: "the folder that the entry point is relative to; by default the current one",
  });
  priority = Option.String("--priority", {
    description: "higher runs first; by default 0, and lower ones are written --priority=-1",
  });
  tries = Option.String("--tries", { description: "how often a job is tried; by default 3" });
  backoff = Option.String("--backoff", {
    description: "how long before a failed job is tried again, doubled each time; by default 1s",
  });
  timeout = Option.String("--timeout", {
    description:
      "how long a job may run before it is killed, which counts as a failure; by default for ever",
  });
  grace = Option.String("--grace", {
    description: "how long a job that is killed has between SIGTERM and SIGKILL; by default 5s",
  });
  stopAfter = Option.String("--stop-after", {
    description:
      "stop the posting after so many failures in a row in one pool, 0 for never; by default 10",
  });
  needs = Option.String("--needs", {
    description: "what a pool must provide to run these jobs, such as gpu,mem>=16G",
  });
  maxFailures = Option.String("--max-failures", {
    description:
      "stop the posting when so many jobs, or more than such a share (5%), have failed for good",
  });
  maxRunning = Option.String("--max-running", {
    description: "how many of these jobs may run at the same time, in all pools together",
  });
  maxRate = Option.String("--max-rate", {
    description: "how many may start in some time, in all pools together: 10/s, 100/m or 1000/h",
  });
  output = Option.String("--output", {
    description:
      "of which jobs to keep what they print: none, failures or all; by default failures",
  });
  results = Option.Boolean("--results", true, {
    description: "keep what the jobs return; --no-results where nobody reads it",
  });
  keep = Option.String("--keep", {
    description: "for how long after its end the posting is not pruned, such as 30d",
  });
  format = Option.String("--format", { description: "json or ndjson; by default the file tells" });
  check = Option.Boolean("--check", true, {
    description: "import the entry point first; --no-check where only the pools have its code",
  });

  async run() {
    const { context } = this;
    const entryPoint = parseEntryPoint(this.entryPoint);
    const options = parse(Options, this, "options of post");
    const source = await this.#openFile();
    if (this.check) {
      const root = resolve(context.cwd, this.root ?? ".");
      await checkEntryPoint(context.program, context.env, root, entryPoint);
    }
    const progress = new Progress(context, "posting");
    const batches = this.#batches(source, options.format, progress);
    const posting = {
      entryPoint: formatEntryPoint(entryPoint),
      priority: options.priority,
      tries: options.tries,
      backoffMs: options.backoff,
      timeoutMs: options.timeout ?? null,
      graceMs: options.grace,
      stopAfter: options.stopAfter,
      ...failureLimit(options.maxFailures),
      maxRunning: options.maxRunning ?? null,
      maxRate: this.maxRate ?? null,
      keepsResults: this.results,
      keepsOutput: options.output,
      keepMs: options.keep ?? null,
      osUser: context.osUser(),
      needs: this.needs === undefined ? [] : parseNeeds(this.needs),
    };
    return await this.withDatabase(async (db) => {
      const { id, jobCount } = await insertPosting(db, posting, batches, source.name).finally(() =>
        progress.end(),
      );
      this.#tell(entryPoint, id, jobCount);
      return exitCodes.ok;
    });
  }

  #tell(entryPoint: EntryPoint, id: number, jobCount: number): void {
    this.print(String(id));
    if (!this.context.isTerminal.stdout) return;
    const jobs = jobCount === 1 ? "1 job" : `${jobCount.toLocaleString("en")} jobs`;
    this.say(
      `posted ${jobs} for ${formatEntryPoint(entryPoint)} as posting ${id}\n` +
        `see it:  pdoflow status ${id}\nrun it:  pdoflow pool --once`,
    );
  }

  async *#batches(
    source: { name: string; bytes: AsyncIterable<Uint8Array> },
    format: "auto" | "json" | "ndjson",
    progress: Progress,
  ): AsyncGenerator<JobBatch> {
    let count = 0;
    for await (const args of readArguments(source.bytes, { format, name: source.name })) {
      count += args.length;
      progress.show(`${count.toLocaleString("en")} jobs`);
      yield { args };
    }
  }

  async #openFile(): Promise<{ name: string; bytes: AsyncIterable<Uint8Array> }> {
    const { file = "-", context } = this;
    if (file === "-") {
      if (this.file === undefined && context.isTerminal.stdin) {
        throw new InvalidInput("arguments", ["expected a file of argument lists, or - for a pipe"]);
      }
      return { name: "standard input", bytes: context.stdin };
    }
    const path = resolve(context.cwd, file);
    const found = await Bun.file(path)
      .stat()
      .catch(() => null); // told just below
    if (!found) {
      throw new ArgumentsNotFound(`there is no file "${file}". Nothing was posted.`);
    }
    if (found.isDirectory()) {
      throw new InvalidInput(file, ["expected a file of argument lists, found a folder"]);
    }
    return { name: file, bytes: Bun.file(path).stream() };
  }
}

/** "100" is a number of jobs, "5%" a share. */
function failureLimit(text: string | undefined) {
  if (text === undefined) return {};
  const amount = Number.parseFloat(text);
  return text.endsWith("%") ? { maxFailuresPercent: amount } : { maxFailures: amount };
}
