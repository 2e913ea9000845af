import { resolve } from "node:path";

import { Option } from "clipanion";
import * as v from "valibot";

import type { NewPosting } from "../../db/posting/insert.ts";
import type { Target } from "../../db/settings/target.ts";
import { type EntryPoint, formatEntryPoint } from "../../domain/entry-point.ts";
import { parseColumnTypes } from "../../input/column.ts";
import { formats } from "../../input/format.ts";
import { SharedArguments } from "../../input/shared-arguments.ts";
import { checkEntryPoint } from "../../pool/worker/check-entry.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import { parseFlags } from "../shell/flags.ts";
import { JobSources } from "./job-sources.ts";
import { failureLimit, flagNames, flagValues, PostingFlags } from "./posting-flags.ts";
import { momentNote } from "./local-moment.ts";

const Options = v.object({
  ...flagValues,
  separator: v.optional(
    v.pipe(v.string(), v.regex(/^[^"\r\n]$/, "expected one character other than a quote")),
  ),
  format: v.optional(v.picklist(["auto", ...formats], `expected ${formats.join(", ")}`), "auto"),
});

/** The options that `post` and `run` share: options of the posting and the sources of its jobs. */
export abstract class PostingCommand extends PostingFlags {
  root = Option.String("--root", {
    description: "the folder to which the entry point is relative (default: the current folder)",
  });
  priorityColumn = Option.String("--priority-column", {
    description: "the column or key of the file that holds the priority of each job",
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
  noHeader = Option.Boolean("--no-header", false, {
    description: "the table has no header, and its cells are separate arguments",
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
    return parseFlags(Options, this, flagNames);
  }

  async openSources(files: readonly string[]): Promise<JobSources> {
    const options = this.parseOptions();
    const { eachLine, positional, noHeader, types, fromGlob, args, kw, each } = this;
    const sources = {
      files,
      globs: fromGlob,
      format: eachLine ? ("lines" as const) : options.format,
      table: {
        isPositional: positional || noHeader,
        hasHeader: !noHeader,
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
  newPosting(entryPoint: EntryPoint): NewPosting {
    const { separator: _, format: _format, maxFailures, ...options } = this.parseOptions();
    const note = this.runAt === undefined ? null : momentNote(this.runAt);
    if (note !== null) this.say(`--run-at ${this.runAt}: ${note}`);
    return {
      ...options,
      ...failureLimit(maxFailures),
      entryPoint: formatEntryPoint(entryPoint),
      priority: options.priority ?? 0,
      osUser: this.context.osUser(),
    };
  }
}
