import { Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { type Gathering, repeated } from "../../db/posting/insert-levels.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { type EntryPoint, formatEntryPoint } from "../../domain/entry-point.ts";
import { type ExitCode, InvalidInput } from "../../domain/errors.ts";
import { int32Max } from "../../domain/option-values.ts";
import { parseSelector, type Selector } from "../../domain/selector.ts";
import { Tolerance, type Tolerated } from "../../domain/tolerance.ts";
import { levelsOf } from "../../domain/upstream.ts";
import { overPosting } from "../../domain/sweep.ts";
import { argumentText, type TextPosition } from "../../input/argument-text.ts";
import { pluralize } from "../output/pluralize.ts";
import { dryRun } from "./dry-run.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { PostingCommand } from "./posting-command.ts";
import { findWholePostings } from "./select.ts";

const Flags = v.object({
  reduce: v.optional(wholeNumber(2, int32Max)),
  tolerate: v.optional(Tolerance),
});

/** The place of an error in the value of `--with`. */
const withPosition: TextPosition = {
  element: () => "--with",
  position: (offset) => `--with, character ${offset + 1}`,
  end: "the end",
};

/** What `--over` and `--with` say. */
export interface OverRequest {
  selector: Selector;
  /** The encoded list of the other arguments of each job. */
  args: string;
}

/** Jobs over the results of a posting. */
export interface OverJobs {
  upstream: number;
  jobCount: number;
  args: string;
}

/** What `--gather`, `--reduce` and `--with` say. */
export interface GatherRequest {
  selector: Selector;
  groupSize: number | null;
  tolerated: Tolerated;
  /** The encoded arguments of each job. */
  args: string;
  hasArgs: boolean;
}

/** A command that can post jobs which read results. */
export abstract class GatheringCommand extends PostingCommand {
  gather = Option.String("--gather", {
    description:
      "post one job that reads the results of this posting after its end (docs/flows.md)",
  });
  expand = Option.String("--expand", {
    description: "post a job for each element of the list that the job of this posting returns",
  });
  reduce = Option.String("--reduce", {
    description:
      "with --gather, post jobs that each read N results, then jobs for N of their results each, " +
      "until one is left",
  });
  tolerate = Option.String("--tolerate", {
    description:
      "with --after or --gather, start although N jobs, or P% of them, failed or were cancelled " +
      "(default: 0)",
  });
  over = Option.String("--over", {
    description:
      "post a job for each job of this posting, with its result as the first argument, that " +
      "starts once it is done (docs/flows.md)",
  });
  with = Option.String("--with", {
    description:
      "with --gather or --over, a JSON list of the (other) arguments of each job (default: [])",
  });

  /**
   * Null without `--gather`.
   *
   * @throws {InvalidInput} the options do not fit together.
   */
  gatherRequest(files: readonly string[]): GatherRequest | null {
    if (this.gather === undefined) {
      const { reduce } = this;
      const args = this.over === undefined ? this.with : undefined;
      const [flag] = Object.entries({ "--reduce": reduce, "--with": args })
        .filter(([, value]) => value !== undefined)
        .map(([name]) => name);
      if (flag === undefined) return null;
      throw new InvalidInput(flag, ["expected --gather with the posting whose results to read"]);
    }
    const other = this.#otherSource(files);
    if (other !== null) {
      throw new InvalidInput("--gather", [
        `expected no other source of jobs, found ${other}. Pass arguments with --with '[1, "a"]'`,
      ]);
    }
    const { reduce, tolerate } = parseFlags(Flags, this);
    return {
      selector: parseSelector(this.gather),
      groupSize: reduce ?? null,
      tolerated: tolerate ?? {},
      args: argumentText(this.with ?? "[]", withPosition),
      hasArgs: this.with !== undefined,
    };
  }

  /**
   * The posting to expand; null without `--expand`.
   *
   * @throws {InvalidInput} the options do not fit together.
   */
  expandRequest(files: readonly string[]): Selector | null {
    if (this.expand === undefined) return null;
    const flags = { "--gather": this.gather, "--over": this.over, "--with": this.with };
    const [flag] = Object.entries(flags).find(([, value]) => value !== undefined) ?? [];
    const other = flag ?? this.#otherSource(files);
    if (other === null) return parseSelector(this.expand);
    throw new InvalidInput("--expand", [`expected no other source of jobs, found ${other}`]);
  }

  /**
   * Null without `--over`.
   *
   * @throws {InvalidInput} the options do not fit together.
   */
  overRequest(files: readonly string[]): OverRequest | null {
    if (this.over === undefined) return null;
    const other = this.gather === undefined ? this.#otherSource(files) : "--gather";
    if (other !== null) {
      throw new InvalidInput("--over", [
        `expected no other source of jobs, found ${other}. Pass other arguments with ` +
          `--with '[1, "a"]'`,
      ]);
    }
    const given = this.with?.trim() ?? "[]";
    const list = given.startsWith("[") ? given : `[${given}]`;
    return { selector: parseSelector(this.over), args: argumentText(list, withPosition) };
  }

  /** Prints the first calls that posting would make, without posting. */
  async showOver(entryPoint: EntryPoint, jobs: OverJobs): Promise<ExitCode> {
    const { upstream, jobCount, args } = jobs;
    const rest = args === "[]" ? "]" : `,${args.slice(1)}`;
    const first = Array.from({ length: Math.min(jobCount, 3) }, (_, index) => index);
    const batches = (async function* () {
      yield { args: first.map((index) => `["result of ${upstream}/${index}"${rest}`) };
    })();
    const sweep = overPosting(upstream, jobCount, args);
    return await dryRun(this, batches, {
      ...{ entryPoint: formatEntryPoint(entryPoint), sweep, source: "--over" },
    });
  }

  /** Prints the calls that posting would make, without posting. */
  async showLevels(entryPoint: EntryPoint, gathering: Gathering): Promise<ExitCode> {
    const { upstream, jobCount, groupSize, args } = gathering;
    const counts = levelsOf(jobCount, groupSize);
    for (const [level, count] of counts.entries()) {
      const source = level === 0 ? `posting ${upstream}` : `level ${level}`;
      this.say(`level ${level + 1}: ${pluralize(count, "job")} for the results of ${source}`);
    }
    const batches = (async function* () {
      for (const count of counts) yield* repeated(args, count);
    })();
    const work = { entryPoint: formatEntryPoint(entryPoint), sweep: null, source: "--gather" };
    return await dryRun(this, batches, work);
  }

  #otherSource(files: readonly string[]): string | null {
    const { args, kw, each, fromGlob, isCommand, priorityColumn } = this;
    if (isCommand) return "a command";
    if (files.length > 0) return `the file "${files[0]}"`;
    if (args.length > 0) return "--args";
    if (kw.length > 0) return "--kw";
    if (each.length > 0) return "--each";
    if (fromGlob.length > 0) return "--from-glob";
    return priorityColumn === undefined ? null : "--priority-column";
  }
}

/**
 * The posting whose results are to be read.
 *
 * @throws {PostingNotFound} {InvalidInput}
 */
export async function findGathering(
  db: Db,
  { selector, groupSize, tolerated, args }: GatherRequest,
): Promise<Gathering> {
  const { id, jobCount } = await findOne(db, "--gather", selector);
  return { upstream: id, jobCount, groupSize, tolerated, args };
}

/**
 * The posting over whose results jobs are to be posted.
 *
 * @throws {PostingNotFound} {InvalidInput}
 */
export async function findOver(db: Db, { selector, args }: OverRequest): Promise<OverJobs> {
  const { id, jobCount } = await findOne(db, "--over", selector);
  return { upstream: id, jobCount, args };
}

/**
 * The posting whose result is the list.
 *
 * @throws {PostingNotFound} {InvalidInput}
 */
export const findExpanded = async (db: Db, selector: Selector): Promise<number> =>
  (await findOne(db, "--expand", selector)).id;

async function findOne(db: Db, flag: string, selector: Selector) {
  const ids = await findWholePostings(db, [selector]);
  const [upstream, ...others] = await findPostings(db, ids);
  if (!upstream || others.length > 0) {
    throw new InvalidInput(flag, [
      `expected one posting such as 41, last or @name, found ${ids.length}`,
    ]);
  }
  return upstream;
}
