import { resolve } from "node:path";

import { Option } from "clipanion";
import * as v from "valibot";

import type { NewPosting } from "../../db/posting/insert.ts";
import type { Target } from "../../db/settings/target.ts";
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
        "expected a number of jobs such as 100, or a percentage such as 5%",
      ),
      v.check(
        (text) => Number.parseFloat(text) <= (text.endsWith("%") ? 100 : 2 ** 31 - 1),
        "expected at most 100%, or at most 2147483647 jobs",
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
      v.regex(
        postingNamePattern,
        "expected a letter, followed by at most 99 letters, digits or _.:+-",
      ),
    ),
  ),
  key: v.optional(
    v.pipe(
      v.string(),
      v.minLength(1, "expected a key, found an empty text"),
      v.maxLength(500, "expected a key of at most 500 characters"),
    ),
  ),
  separator: v.optional(
    v.pipe(v.string(), v.regex(/^[^"\r\n]$/, "expected one character other than a quote")),
  ),
  format: v.optional(v.picklist(["auto", ...formats], `expected ${formats.join(", ")}`), "auto"),
});

/** The options that `post` and `run` share: options of the posting and the sources of its jobs. */
export abstract class PostingCommand extends PdoflowCommand {
  root = Option.String("--root", {
    description: "the folder to which the entry point is relative (default: the current folder)",
  });
  project = Option.String("--project", {
    description:
      "let only pools of this project run the jobs, '*' for all pools (default: derived from the " +
      "root)",
  });
  name = Option.String("--name", {
    description: "name the posting; @NAME selects the newest posting with that name",
  });
  priority = Option.String("--priority", {
    description: "run jobs with a higher priority first, as in --priority=-1 (default: 0)",
  });
  priorityColumn = Option.String("--priority-column", {
    description: "the column or key of the file that holds the priority of each job",
  });
  maxAttempts = Option.String("--max-attempts", {
    description: "try each job at most N times (default: 3)",
  });
  backoff = Option.String("--backoff", {
    description: "wait this long before a retry, doubled with each attempt (default: 1s)",
  });
  timeout = Option.String("--timeout", {
    description: "kill an attempt that runs longer than this (default: none)",
  });
  grace = Option.String("--grace", {
    description: "when killing a job, wait this long between SIGTERM and SIGKILL (default: 5s)",
  });
  stopAfter = Option.String("--stop-after", {
    description:
      "stop the posting after N failures in a row in one pool, 0 for never (default: 10)",
  });
  maxFailures = Option.String("--max-failures", {
    description:
      "stop the posting after N jobs, or more than P% of them, have permanently failed " +
      "(default: none)",
  });
  maxRunning = Option.String("--max-running", {
    description: "run at most N of the jobs at the same time, in all pools (default: none)",
  });
  maxRate = Option.String("--max-rate", {
    description:
      "start at most N of the jobs per time, in all pools: 10/s, 100/m or 1000/h (default: none)",
  });
  output = Option.String("--output", {
    description: "keep job output for: none, failures or all (default: failures)",
  });
  at = Option.String("--run-at", {
    description:
      "start no job before this time, such as 2026-01-01T02:00 in local time, or with a UTC offset",
  });
  keep = Option.String("--keep", {
    description: "protect the posting from prune for this long after it ends, such as 30d",
  });
  format = Option.String("--format", {
    description:
      `the format of the file: ${formats.slice(0, -1).join(", ")} or ${formats.at(-1)} ` +
      "(default: by its extension)",
  });
  eachLine = Option.Boolean("--each-line", false, {
    description: "pass each line as the only argument of a job, like --format lines",
  });
  positional = Option.Boolean("--positional", false, {
    description: "pass the cells of a table row as separate arguments instead of one object",
  });
  header = Option.Boolean("--header", true, {
    description: "with --no-header, the table has no header and cells are separate arguments",
  });
  separator = Option.String("--separator", {
    description: "the character between the cells of a table, such as ';' (default: ',' for CSV)",
  });
  na = Option.String("--na", {
    description: "comma-separated words that mean a missing value (null)",
  });
  types = Option.String("--types", {
    description: "the types of table columns, such as id=text,mag=number,on=boolean,more=json",
  });
  fromGlob = Option.Array("--from-glob", [], {
    description: "post a job for each matching file, such as 'data/*.fits', with its path",
  });
  args = Option.Array("--args", [], {
    description: "pass these arguments to every job, as in --args 1 2 x, up to the next option",
  });
  kw = Option.Array("--kw", [], {
    description: "add a field to the object that every job gets last, as in --kw degree=2",
  });
  each = Option.Array("--each", [], {
    description:
      "post a job for each value of a,b,c, 1-9, 0-1:0.25 or degree=1,2; several options are " +
      "combined",
  });
  check = Option.Boolean("--check", {
    description:
      "read the arguments and import the code without posting; --no-check posts without importing",
  });
  progress = Option.Boolean("--progress", false, {
    description: "always show progress, even if stderr is not a terminal",
  });

  parseOptions() {
    return parseFlags(Options, this);
  }

  async openSources(files: readonly string[]): Promise<JobSources> {
    const options = this.parseOptions();
    const { eachLine, positional, header, types, fromGlob, args, kw, each } = this;
    const sources = {
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
    return await JobSources.open(sources, this.context);
  }

  /** Imports the entry point, unless --no-check was given. */
  async checkEntry(entryPoint: EntryPoint): Promise<void> {
    const { program, env, cwd } = this.context;
    if (this.check === false) return;
    await checkEntryPoint(program, env, resolve(cwd, this.root ?? "."), entryPoint);
  }

  /** The project whose pools run the jobs of an entry point; null for all pools. */
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

/** "100" is a number of jobs, "5%" a percentage. */
function failureLimit(text: string | undefined) {
  if (text === undefined) return {};
  const limit = Number.parseFloat(text);
  return text.endsWith("%") ? { maxFailuresPercent: limit } : { maxFailures: limit };
}
