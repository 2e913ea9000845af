import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readTokens } from "../../db/read/tokens.ts";
import { resumePostings } from "../../db/engine/control.ts";
import type { NewPosting } from "../../db/posting/insert.ts";
import { newestOfRuns, readIdsOfRun, readJobsLeft } from "../../db/read/runs.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import type { Target } from "../../db/settings/target.ts";
import { type ExitCode, exitCodes, InvalidInput, PostingNotFound } from "../../domain/errors.ts";
import { parseSelector } from "../../domain/selector.ts";
import { requireRoot } from "../../pool/entry/require-root.ts";
import { parseEnv } from "../../pool/wire/environment.ts";
import { commandEntryPoint, type CommandWord } from "../../pool/worker/command-line.ts";
import { requirePoolGrant } from "../input/pool-grant.ts";
import { PostingCommand } from "../input/posting-command.ts";
import { flagNames } from "../input/posting-flags.ts";
import { findWholePostings } from "../input/select.ts";
import { EarlierFailures } from "../run/earlier-failures.ts";
import { haltRule, type HaltRule } from "../run/halt.ts";
import { JobNotes } from "../run/job-details.ts";
import { ParallelLog } from "../run/parallel-log.ts";
import { JobsToRun } from "../run/jobs-to-run.ts";
import { LocalRun, type RunPlan } from "../run/local-run.ts";
import { findResumable } from "../run/resumed-run.ts";
import { RunPrinter } from "../run/run-printer.ts";
import type { ReportFile } from "../output/report-file.ts";
import { parseFlags } from "../shell/flags.ts";
import { reportFileOf, reportFlag, writeReport } from "../shell/report-writing.ts";
import { wholeNumber } from "../shell/flag-values.ts";

const Options = v.object({
  maxWorkers: v.optional(wholeNumber(1, 1024)),
  halt: v.optional(haltRule),
});

export class RunCommand extends PostingCommand {
  static override paths = [["run"]];
  static override usage = Command.Usage({
    description: "post a batch of jobs, run it on this machine, and print the results",
    details: `
      Posts jobs like \`pdoflow post\`, runs them in its own pool, and prints the results in order,
      one JSON value per line, null for a failed job. A command instead of an entry point runs once
      for each input line, with {} replaced by the line.

      The exit code is 1 if jobs failed. Ctrl-C (exit code 130) and SIGTERM (143) end the run;
      --resume runs the remaining jobs, and jobs that \`pdoflow retry\` has put back. Jobs start
      before slow input ends.

      In a command, as in GNU parallel, {} is replaced by the line, {.} by the line without its
      extension, {/} by its base name, {//} by its
      folder, {/.} by its base name without extension, {#} by the job's number, {%} by the worker's
      number, and {1} or {NAME} by one of several values. Without any of these, the line is
      appended. Several words run without a shell. A single word runs in a shell, with values
      quoted. \`--\` before the command is optional. The output of a command is printed when it
      ends; the database keeps 64 KiB of stdout and of stderr.
    `,
    examples: [
      ["Post, run and print", "$0 run fit.ts#fit args.json -j 8"],
      ["Run a command for each file, eight at a time", "$0 run -j8 gzip ::: *.txt"],
      ["Run a command for each line", "ls *.fits | $0 run ./reduce.sh {}"],
      ["Stop at the first failure, then go on", "$0 run --halt now,fail=1 ./a.sh ::: *.txt"],
      ["Run what is left of the newest run", "$0 run --resume last"],
      ["Run a shell command per line, in order", "ls *.fits | $0 run -k -- 'gzip -c {} > {.}.gz'"],
    ],
  });
  constructor() {
    super("run");
  }

  operands = Option.Rest({ name: "file.ts#name or command" });
  maxWorkers = Option.String("-j,--jobs,--max-workers", {
    description: "run at most N jobs at the same time (default: the number of CPU cores)",
  });
  env = Option.String("--env", {
    description:
      "further environment variables for jobs, as in `pdoflow pool --env` (default for commands: " +
      "'*')",
  });
  keepOrder = Option.Boolean("-k,--keep-order", false, {
    description: "print the output of commands in input order, not as they end",
  });
  lineBuffer = Option.Boolean("--line-buffer", false, {
    description: "print each line of a command's output as it comes, mixed with other commands",
  });
  tag = Option.Boolean("--tag", false, {
    description: "begin each line of output with the input values of its job and a tab",
  });
  joblog = Option.String("--joblog", {
    description: "append a line for each ended job to this file, as GNU parallel does",
  });
  halt = Option.String("--halt", {
    description:
      "stop early: now,fail=1 kills running jobs after the first failure; soon,fail=5% or " +
      "soon,success=1 only starts no more",
  });
  report = Option.String("--report", { description: reportFlag });
  resume = Option.String("--resume", {
    description: "run the remaining jobs of an earlier run, such as last or 42",
  });

  async run(): Promise<ExitCode> {
    parseFlags(Options, this);
    if (this.lineBuffer && this.keepOrder) {
      throw new InvalidInput("options", ["expected -k or --line-buffer, found both"]);
    }
    const report = reportFileOf(this, this.report);
    if (this.resume !== undefined) return await this.#resume(this.resume, report);
    const { entryPoint, files } = this.parseWork();
    this.#requireSense();
    const sources = await this.openSources(files, true);
    requireRoot(this.#root(null));
    await this.checkEntry(entryPoint, this.sourcesToName(sources));
    if (this.dryRun) return await this.showJobs(sources, entryPoint);
    const posting = { ...this.newPosting(entryPoint), run: crypto.randomUUID() };
    const notes = new JobNotes(this.tag || this.joblog !== undefined);
    const jobs = new JobsToRun(this, sources, notes);
    const target = Promise.withResolvers<Target>();
    const begun = Promise.withResolvers<LocalRun>();
    // The first jobs are posted on the connection that is open, while the pool starts.
    const first = this.withDatabase(async (db) => {
      await requirePoolGrant(db);
      target.resolve(db.target);
      const project = this.projectOf(entryPoint, db.target);
      return await jobs.postNext(db, { ...posting, project }, await begun.promise);
    });
    first.catch(target.reject);
    begun.promise.catch(() => {}); // thrown below
    const [server, count] = await Promise.all([target.promise, jobs.count()]).catch(
      (error: unknown) => {
        begun.reject(error);
        jobs.end();
        throw error;
      },
    );
    const isCommand = this.isCommand;
    const fresh = { root: this.#root(null), before: new EarlierFailures([]) };
    const plan = { target: server, token: posting.run, isCommand, ...fresh };
    const run = this.#localRun({ ...plan, count, rules: this.#rules(posting) }, notes);
    begun.resolve(run);
    const code = await run
      .work(async () => {
        const project = this.projectOf(entryPoint, server);
        const postNext = () =>
          this.withDatabase((db) => jobs.postNext(db, { ...posting, project }, run));
        for (let isMore = await first; isMore;) isMore = await postNext();
      })
      .finally(() => jobs.end());
    return await this.#reported(code, report, run);
  }

  /** Runs the jobs that are left of an earlier run. */
  async #resume(text: string, report: ReportFile | null): Promise<ExitCode> {
    this.#requireNoJobs();
    const found = await this.withDatabase(async (db) => {
      const selector = parseSelector(text);
      const [id] =
        text === "last" ? [await newestOfRuns(db)] : await findWholePostings(db, [selector]);
      if (id === undefined || id === null) throw new PostingNotFound("there are no runs yet");
      const postings = await findResumable(db, id, this.context);
      const counts = await readPostingCounts(db, await readIdsOfRun(db, id));
      return { target: db.target, id, postings, before: new EarlierFailures(counts) };
    });
    const { target, postings, before } = found;
    const [first] = postings;
    if (!first) return this.#sayEnded(found);
    const { run: token, project, entryPoint, maxFailures } = first;
    const isCommand = entryPoint === commandEntryPoint;
    const notes = new JobNotes(this.joblog !== undefined);
    const root = this.#root(project);
    requireRoot(root);
    const plan = { target, token, isCommand, root, before };
    const rules = this.#rules({ maxFailures, stopAfter: undefined });
    const run = this.#localRun({ ...plan, count: null, rules }, notes);
    const code = await run.work(async () => {
      await this.withDatabase(async (db) => {
        let before = 0;
        const tokens = await readTokens(
          db,
          postings.map(({ id }) => id),
        );
        for (const { id, jobCount } of postings) {
          const left = await readJobsLeft(db, id, notes.isWanted);
          for (const { seq, args } of isCommand ? left : []) {
            const command = JSON.parse(args ?? "[]") as CommandWord[];
            notes.add(before + seq + 1, { tag: "", command });
          }
          const part = { postingId: id, jobCount, seqs: left.map(({ seq }) => seq) };
          run.add(part, tokens.get(id) ?? 0);
          before += jobCount;
        }
        await resumePostings(
          db,
          postings.map(({ id }) => id),
        );
      });
    });
    return await this.#reported(code, report, run);
  }

  /** Writes the report of the run, if there is to be one and somebody reads on. */
  async #reported(code: ExitCode, report: ReportFile | null, run: LocalRun): Promise<ExitCode> {
    await writeReport(this, report, { postings: run.postings, flows: [] });
    return code;
  }

  /** Says that the run has no jobs left, so that a script can resume it until it is done. */
  #sayEnded({ id, before }: { id: number; before: EarlierFailures }): ExitCode {
    const remedy = before.count > 0 ? `; ${before.sentence}` : "";
    this.say(`pdoflow run: posting ${id} has no jobs left to run${remedy}`);
    return before.count > 0 ? exitCodes.jobsFailed : exitCodes.ok;
  }

  #localRun(
    plan: Pick<RunPlan, PlannedHere> & { count: number | null },
    notes: JobNotes,
  ): LocalRun {
    const { context, tag, joblog, progress, keepOrder, lineBuffer } = this;
    const { maxWorkers = context.cores } = parseFlags(Options, this);
    const { isCommand, count } = plan;
    const path = joblog === undefined ? null : resolve(context.cwd, joblog);
    const log = path === null ? null : new ParallelLog(path, context.host);
    const printer = new RunPrinter(this, { isCommand, tag, notes, log });
    const settings = {
      ...plan,
      maxWorkers: Math.min(maxWorkers, Math.max(count ?? maxWorkers, 1)),
      isOrdered: keepOrder,
      isLineBuffered: lineBuffer && isCommand && !this.json,
      showsProgress: progress,
      mayStartLater: this.runAt !== undefined || this.resume !== undefined,
      // By default a command sees the environment of the shell it was typed in.
      handsOn: parseEnv(this.env ?? (isCommand ? "*" : "")),
    };
    return new LocalRun(this, settings, printer);
  }

  /** A project that is a path is the folder in which the run was started. */
  #root(project: string | null): string {
    const known = project?.startsWith("/") ? project : ".";
    return resolve(this.context.cwd, this.root ?? known);
  }

  #rules({ maxFailures, stopAfter }: Pick<NewPosting, "maxFailures" | "stopAfter">): HaltRule[] {
    const { halt } = parseFlags(Options, this);
    const soon = { when: "soon", isPercent: false } as const;
    return [
      ...(halt ? [halt] : []),
      ...(maxFailures ? [{ ...soon, of: "fail" as const, count: maxFailures }] : []),
      ...(stopAfter ? [{ ...soon, of: "vain" as const, count: stopAfter }] : []),
    ];
  }

  /** @throws {InvalidInput} */
  #requireSense(): void {
    if (this.check === true) {
      throw new InvalidInput("--check", ["not available here. Use: pdoflow post --check"]);
    }
    if (this.priorityColumn !== undefined && (this.tag || this.joblog !== undefined)) {
      throw new InvalidInput("--priority-column", ["expected no --tag or --joblog with it"]);
    }
  }

  /** A run that is resumed has its jobs and their options. */
  #requireNoJobs(): void {
    const words = [...this.operands, ...this.command, ...this.each, ...this.args, ...this.fromGlob];
    const given = Object.entries(flagNames).flatMap(([name, flag]) => {
      const value: unknown = Reflect.get(this, name);
      return value === undefined || value === false ? [] : [flag];
    });
    if (words.length + given.length === 0) return;
    throw new InvalidInput("--resume", [
      `expected no jobs and no options of the posting, found ${[...given, ...words].join(" ")}`,
    ]);
  }
}

type PlannedHere = "target" | "token" | "root" | "isCommand" | "rules" | "before";
