import { resolve } from "node:path";

import { Option } from "clipanion";
import * as v from "valibot";

import type { JobBatch } from "../../db/posting/batches.ts";
import type { NewPosting } from "../../db/posting/insert.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import type { Target } from "../../db/settings/target.ts";
import { type EntryPoint, formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { type ExitCode, InvalidInput } from "../../domain/errors.ts";
import { parseColumnTypes } from "../../input/column.ts";
import { formats } from "../../input/format.ts";
import { inheritedTraceparent } from "../trace/inherited-traceparent.ts";
import { pluralize } from "../output/pluralize.ts";
import { entryText } from "./entry-word.ts";
import { SharedArguments } from "../../input/shared-arguments.ts";
import { checkEntryPoint } from "../../pool/worker/check-entry.ts";
import { commandEntryPoint } from "../../pool/worker/command-line.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import { parseFlags } from "../shell/flags.ts";
import { commandJobs, type NoteCommand } from "./command-jobs.ts";
import { JobSources, type SourceOptions } from "./job-sources.ts";
import { failureLimit, flagNames, flagValues, PostingFlags } from "./posting-flags.ts";
import { timeNamed } from "../../domain/local-time.ts";
import { momentNote } from "./local-moment.ts";
import { dryRun } from "./dry-run.ts";
import { checkProgram } from "./program-check.ts";
import { Reading } from "./reading-progress.ts";

const Options = v.object({
  ...flagValues,
  separator: v.optional(
    v.pipe(v.string(), v.regex(/^[^"\r\n]$/, "expected one character other than a quote")),
  ),
  format: v.optional(v.picklist(["auto", ...formats], `expected ${formats.join(", ")}`), "auto"),
});

/** What to post, and the files with its arguments. */
export interface NamedWork {
  entryPoint: EntryPoint;
  files: readonly string[];
}

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
  nullSeparated = Option.Boolean("-0,--null", false, {
    description: "pass each text before a NUL character, as printed by find -print0",
  });
  fromGlob = Option.Array("--from-glob", [], {
    description: "post a job for each matching file, such as 'data/*.fits', with its path",
  });
  args = Option.Array("--args", [], {
    description: "pass these arguments to every job, as in --args 1 2 x, up to the next option",
  });
  noArgs = Option.Boolean("--no-args", false, {
    description: "post one job without arguments",
  });
  kw = Option.Array("--kw", [], {
    description: "add a field to the object that every job gets last, as in --kw degree=2",
  });
  each = Option.Array("--each", [], {
    description:
      "post a job for each value of a,b,c, 1-9, 0-1:0.25 or degree=1,2; several options are " +
      "combined, and ::: a b at the end of the line stands for the values a and b",
  });
  link = Option.Boolean("--link", false, {
    description: "pair the values of several lists instead of combining them",
  });
  check = Option.Boolean("--check", {
    description:
      "read the arguments and import the code without posting; --no-check posts without importing",
  });
  progress = Option.Boolean("--progress", false, {
    description: "always show progress, even if stderr is not a terminal",
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description:
      "read and check everything, and print commands, or the first calls, without posting",
  });
  /** The words of a command; none for an entry point. */
  command = Option.Array("--command", [], { hidden: true });
  abstract readonly operands: string[];

  get isCommand(): boolean {
    return this.command.length > 0;
  }

  /** The command with its marks, for people; null for an entry point. */
  get commandText(): string | null {
    return this.isCommand ? this.command.join(" ").slice(0, 1000) : null;
  }

  /** @throws {InvalidInput} */
  parseWork(): NamedWork {
    const words = this.isCommand ? [commandEntryPoint, ...this.operands] : this.operands;
    const [entry, ...files] = words;
    const { cwd } = this.context;
    const folders = { cwd, root: resolve(cwd, this.root ?? ".") };
    if (entry !== undefined) {
      return {
        entryPoint: parseEntryPoint(this.isCommand ? entry : entryText(entry, folders)),
        files,
      };
    }
    throw new InvalidInput("arguments", [
      "expected an entry point such as fit.ts#fit, or a command such as gzip {}",
    ]);
  }

  /** The jobs that are read, as they are posted. */
  batchesOf(reading: Reading, note?: NoteCommand): AsyncIterable<JobBatch> {
    const batches = reading.batches();
    return this.isCommand ? commandJobs(this.command, batches, note) : batches;
  }

  async showJobs(sources: JobSources, entryPoint: EntryPoint): Promise<ExitCode> {
    const reading = new Reading(this, "reading", sources, this.progress);
    const { sweep, name: source } = sources;
    const work = { entryPoint: formatEntryPoint(entryPoint), sweep, source };
    return await dryRun(this, this.batchesOf(reading), work).finally(() => reading.end());
  }

  parseOptions() {
    return parseFlags(Options, this, flagNames);
  }

  async openSources(files: readonly string[], isLive = false): Promise<JobSources> {
    const options = this.parseOptions();
    const { positional, noHeader, types, fromGlob, args, kw, each, link } = this;
    const isLines = this.eachLine || (this.isCommand && this.format === undefined);
    const sources: SourceOptions = {
      files,
      globs: fromGlob,
      format: this.nullSeparated ? "null" : isLines ? "lines" : options.format,
      formatFlag: this.#formatFlag(),
      isCommand: this.isCommand,
      hasNoArguments: this.noArgs,
      isLive,
      table: {
        isPositional: positional || noHeader,
        hasHeader: !noHeader,
        types: types === undefined ? new Map() : parseColumnTypes(types),
        separator: options.separator,
        missing: new Set(this.na?.split(",").map((word) => word.trim())),
        onNote: (sentence: string) => this.say(sentence),
      },
      priorityColumn: this.priorityColumn,
      shared: SharedArguments.parse({ args, kw, each, link }),
    };
    return await JobSources.open(sources, this.context);
  }

  /** The option that names the format of the input, if one does. */
  #formatFlag(): SourceOptions["formatFlag"] {
    if (this.nullSeparated) return "-0";
    if (this.eachLine) return "--each-line";
    return this.format === undefined ? undefined : "--format";
  }

  /** What to name if nothing names any arguments; null if something does. */
  sourcesToName({ isBare }: JobSources): string | null {
    return isBare
      ? "a file, - for standard input, --args, --kw, --each or --from-glob; or --no-args for a " +
          "job without"
      : null;
  }

  /**
   * Imports the entry point, or looks for the program, unless --no-check was given. If
   * `sourcesToName` is not null, no arguments were named.
   *
   * @throws {ProgramNotFound}
   * @throws {InvalidInput} it takes arguments, and none were named.
   */
  async checkEntry(entryPoint: EntryPoint, sourcesToName: string | null): Promise<void> {
    const { program, env, cwd } = this.context;
    if (this.check === false) return;
    const root = resolve(cwd, this.root ?? ".");
    if (this.isCommand) return checkProgram(this.command, root, env["PATH"] ?? "");
    const parameters = await checkEntryPoint(program, env, root, entryPoint);
    if (sourcesToName === null || parameters === 0) return;
    throw new InvalidInput("arguments", [
      `${formatEntryPoint(entryPoint)} takes ${pluralize(parameters, "argument")}: expected ` +
        sourcesToName,
    ]);
  }

  /** The project whose pools run the jobs of an entry point; null for all pools. */
  projectOf(entryPoint: EntryPoint, target: Target): string | null {
    const { env, cwd } = this.context;
    const source = { option: this.project, env, root: resolve(cwd, this.root ?? "."), target };
    return projectOfPosting(source, formatEntryPoint(entryPoint));
  }

  /** Reports what a time means, unless it is a plain date and time, or counts from posting. */
  #sayMoment(
    flag: string,
    text: string | undefined,
    value: string | number | null | undefined,
    meaning: string,
  ): void {
    if (text === undefined || typeof value === "number") return;
    const time = timeNamed(text, new Date()) ?? text;
    const note = momentNote(time) ?? (/^\d{4}-/.test(text) ? null : meaning);
    if (note !== null) this.say(`${flag} ${text}: ${note}`);
  }

  /** The posting that the options describe. @throws {InvalidInput} */
  newPosting(entryPoint: EntryPoint): NewPosting {
    const { separator: _, format: _format, maxFailures, ...options } = this.parseOptions();
    const { runAt, deadline, startBy } = options;
    this.#sayMoment("--run-at", this.runAt, runAt, `the jobs start at ${runAt}`);
    const isCancelled = "the posting is cancelled if it has not";
    this.#sayMoment("--deadline", this.deadline, deadline, `${isCancelled} ended at ${deadline}`);
    this.#sayMoment("--start-by", this.startBy, startBy, `${isCancelled} begun at ${startBy}`);
    const { maxAttempts = 1, stopAfter = 0, keepsOutput = "all" } = options;
    return {
      ...options,
      // Like GNU parallel: a command has one attempt, and failures do not stop the others.
      ...(this.isCommand ? { maxAttempts, stopAfter, keepsOutput } : {}),
      command: this.commandText,
      ...traceOf(options, this.context.env),
      ...failureLimit(maxFailures),
      entryPoint: formatEntryPoint(entryPoint),
      priority: options.priority ?? 0,
      osUser: this.context.osUser(),
    };
  }
}

/** The trace of a posting: the given one, or else that of the program that started this one. */
function traceOf(
  { traceparent }: Pick<NewPosting, "traceparent">,
  env: Environment,
): Pick<NewPosting, "traceparent"> {
  const inherited = traceparent === undefined ? inheritedTraceparent(env) : null;
  return inherited === null ? {} : { traceparent: inherited };
}
