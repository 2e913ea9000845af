import { resolve } from "node:path";

import { Option } from "clipanion";
import * as v from "valibot";

import type { NewPosting } from "../../db/posting/insert.ts";
import type { Target } from "../../db/connection/settings.ts";
import { parseNeeds } from "../../domain/capabilities.ts";
import { type EntryPoint, formatEntryPoint } from "../../domain/entry-point.ts";
import { parse } from "../../domain/parse.ts";
import { PostingOptions, Rate } from "../../domain/posting.ts";
import { postingNamePattern } from "../../domain/selector.ts";
import { parseColumnTypes } from "../../input/column.ts";
import { formats } from "../../input/format.ts";
import { SharedArguments } from "../../input/shared-arguments.ts";
import { checkEntryPoint } from "../../pool/worker/check-entry.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { JobSources } from "./job-sources.ts";
import { momentNote } from "./local-moment.ts";
import { duration, localMoment, wholeNumber } from "../shell/flag-values.ts";

const Options = v.object({
  priority: v.optional(wholeNumber(-(2 ** 31), 2 ** 31 - 1), "0"),
  maxAttempts: v.optional(wholeNumber(1, 1000)),
  backoff: v.optional(duration, "1s"),
  timeout: v.optional(duration),
  grace: v.optional(duration, "5s"),
  stopAfter: v.optional(wholeNumber(0, 1_000_000)),
  maxFailures: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^([1-9]\d*|\d+(\.\d+)?%)$/,
        "expected a number of jobs such as 100, or a share such as 5%",
      ),
      v.check(
        (text) => Number.parseFloat(text) <= (text.endsWith("%") ? 100 : 2 ** 31 - 1),
        "expected 100% at most, or a number of 32 bits",
      ),
    ),
  ),
  maxRunning: v.optional(wholeNumber(1, 2 ** 31 - 1)),
  maxRate: v.optional(Rate),
  output: v.optional(v.picklist(["none", "failures", "all"], "expected none, failures or all")),
  at: v.optional(localMoment),
  keep: v.optional(duration),
  name: v.optional(
    v.pipe(
      v.string(),
      v.regex(postingNamePattern, "expected up to 100 letters, digits or _.:+-, a letter first"),
    ),
  ),
  key: v.optional(
    v.pipe(
      v.string(),
      v.minLength(1, "expected a key, found an empty one"),
      v.maxLength(500, "expected a key of 500 characters at most"),
    ),
  ),
  separator: v.optional(
    v.pipe(v.string(), v.regex(/^[^"\r\n]$/, "expected one character, not a quote")),
  ),
  format: v.optional(v.picklist(["auto", ...formats], `expected ${formats.join(", ")}`), "auto"),
});

/** What a command that posts has in common: the options of a posting, and where its jobs are. */
export abstract class PostingCommand extends PdoflowCommand {
  root = Option.String("--root", {
    description: "the folder that the entry point is relative to; by default the current one",
  });
  project = Option.String("--project", {
    description:
      "only pools of this project run the jobs; '*' for all pools (default: by the root)",
  });
  name = Option.String("--name", {
    description: "what the posting is called: @NAME stands for the newest one of that name",
  });
  priority = Option.String("--priority", {
    description: "higher runs first; by default 0, and lower ones are written --priority=-1",
  });
  priorityColumn = Option.String("--priority-column", {
    description: "the column, or key, of the file that has the priority of each job",
  });
  maxAttempts = Option.String("--max-attempts", {
    description: "how often a job is tried; by default 3",
  });
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
  maxFailures = Option.String("--max-failures", {
    description:
      "stop the posting when so many jobs, or more than such a share (5%), have failed for good",
  });
  maxRunning = Option.String("--limit,--max-running", {
    description: "how many of these jobs may run at the same time, in all pools together",
  });
  maxRate = Option.String("--rate,--max-rate", {
    description: "how many may start in some time, in all pools together: 10/s, 100/m or 1000/h",
  });
  output = Option.String("--output", {
    description:
      "of which jobs to keep what they print: none, failures or all; by default failures",
  });
  at = Option.String("--run-at", {
    description:
      "when the jobs may start, at the earliest: 2026-01-01T02:00, local time, or with a zone",
  });
  keep = Option.String("--keep", {
    description: "for how long after its end the posting is not pruned, such as 30d",
  });
  format = Option.String("--format", {
    description:
      `${formats.slice(0, -1).join(", ")} or ${formats.at(-1)}; ` +
      "by default the ending of the file tells",
  });
  eachLine = Option.Boolean("--each-line", false, {
    description: "each line of the file is the one argument of a job: the same as --format lines",
  });
  positional = Option.Boolean("--positional", false, {
    description: "pass the cells of a table one by one, not as one object named by the header",
  });
  header = Option.Boolean("--header", true, {
    description: "--no-header where a table has none: its cells are passed one by one",
  });
  separator = Option.String("--separator", {
    description: "the character between the cells of a table, such as ';' (default: , of CSV)",
  });
  na = Option.String("--na", {
    description: "words, with commas between them, that stand for a missing value: null",
  });
  types = Option.String("--types", {
    description: "what columns of a table are, such as id=text,mag=number,on=boolean,more=json",
  });
  fromGlob = Option.Array("--from-glob", [], {
    description: "one job for each file that matches, such as 'data/*.fits': its path",
  });
  args = Option.Array("--args", [], {
    description: "arguments of every job, up to the next option: --args 1 2 x",
  });
  kw = Option.Array("--kw", [], {
    description: "a field of the object that every job gets last: --kw degree=2",
  });
  each = Option.Array("--each", [], {
    description:
      "a job for each of a,b,c or 1-9 or 0-1:0.25, or degree=1,2; of several, all combinations",
  });
  check = Option.Boolean("--check", {
    description: "only read and import all, and post nothing; --no-check posts without importing",
  });
  progress = Option.Boolean("--progress", false, {
    description: "show how far it is from the beginning, also where stderr is no terminal",
  });

  parseOptions() {
    return parseFlags(Options, this);
  }

  async openSources(files: readonly string[]): Promise<JobSources> {
    const options = this.parseOptions();
    const { eachLine, positional, header, types, fromGlob, args, kw, each } = this;
    const wish = {
      files,
      globs: fromGlob,
      format: eachLine ? ("lines" as const) : options.format,
      table: {
        isPositional: positional || !header,
        hasHeader: header,
        types: types === undefined ? new Map() : parseColumnTypes(types),
        separator: options.separator,
        missing: new Set(this.na?.split(",").map((word) => word.trim())),
        onNote: (sentence: string) => this.say(sentence),
      },
      priorityColumn: this.priorityColumn,
      shared: SharedArguments.parse({ args, kw, each }),
    };
    return await JobSources.open(wish, this.context);
  }

  /** Imports the entry point, unless that is not wanted. */
  async checkEntry(entryPoint: EntryPoint): Promise<void> {
    const { program, env, cwd } = this.context;
    if (this.check === false) return;
    await checkEntryPoint(program, env, resolve(cwd, this.root ?? "."), entryPoint);
  }

  /** The project whose pools are to run the jobs of an entry point; null for all pools. */
  projectOf(entryPoint: EntryPoint, target: Target): string | null {
    const { env, cwd } = this.context;
    const source = { option: this.project, env, root: resolve(cwd, this.root ?? "."), target };
    return projectOfPosting(source, formatEntryPoint(entryPoint));
  }

  /** The posting that the options describe. @throws {InvalidInput} */
  newPosting(entryPoint: EntryPoint, needs: string | undefined): NewPosting {
    const options = this.parseOptions();
    const posting = {
      entryPoint: formatEntryPoint(entryPoint),
      name: options.name ?? null,
      priority: options.priority,
      maxAttempts: options.maxAttempts,
      backoffMs: options.backoff,
      timeoutMs: options.timeout ?? null,
      graceMs: options.grace,
      stopAfter: options.stopAfter,
      ...failureLimit(options.maxFailures),
      maxRunning: options.maxRunning ?? null,
      maxRate: options.maxRate ?? null,
      keepsOutput: options.output,
      runAt: options.at ?? null,
      keepMs: options.keep ?? null,
      osUser: this.context.osUser(),
      needs: needs === undefined ? [] : parseNeeds(needs),
    };
    parse(PostingOptions, posting, "options of a posting");
    const note = this.at === undefined ? null : momentNote(this.at);
    if (note !== null) this.say(`--run-at ${this.at}: ${note}`);
    return posting;
  }
}

/** "100" is a number of jobs, "5%" a share. */
function failureLimit(text: string | undefined) {
  if (text === undefined) return {};
  const amount = Number.parseFloat(text);
  return text.endsWith("%") ? { maxFailuresPercent: amount } : { maxFailures: amount };
}
