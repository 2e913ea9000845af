import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Target } from "../../db/settings/target.ts";
import { cancelPostings, findStopped } from "../../db/engine/control.ts";
import { insertPosting } from "../../db/posting/insert.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import { parseEnv } from "../../pool/wire/environment.ts";
import { Pool } from "../../pool/pool.ts";
import type { WholeOutput } from "../../pool/wire/ends.ts";
import { Spool } from "../../pool/wire/spool.ts";
import { workerPool } from "../../pool/worker-pool.ts";
import { printWhole } from "../output/print-whole.ts";
import { pluralize } from "../output/pluralize.ts";
import { parseFlags } from "../shell/flags.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { requirePoolGrant } from "../input/pool-grant.ts";
import { PostingCommand } from "../input/posting-command.ts";
import { PostingProgress } from "../shell/job-progress.ts";
import { Reading } from "../input/reading-progress.ts";
import { type EndedJob, RunOutput } from "../output/run-output.ts";

const Options = v.object({ maxWorkers: v.optional(wholeNumber(1, 1024)) });
const showEveryMs = 250;

export class RunCommand extends PostingCommand {
  static override paths = [["run"]];
  static override usage = Command.Usage({
    description: "post a batch of jobs, run it on this machine, and print the results",
    details: `
      Posts jobs like \`pdoflow post\`, runs them in its own pool, and prints the results in order,
      one JSON value per line, null for a failed job. The exit code is 1 if jobs failed. Ctrl-C
      cancels the posting (exit code 130), and so does SIGTERM (143).

      A command instead of an entry point runs once for each input line, like GNU parallel. {} is
      replaced by the line, {.} by the line without its extension, {/} by its base name, {//} by its
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
  #bar: PostingProgress | null = null;
  /** Whether some output could not be kept until it was printed. */
  #isCut = false;

  async run(): Promise<ExitCode> {
    const { context } = this;
    const { maxWorkers = context.cores } = parseFlags(Options, this);
    const { isCommand } = this;
    const { entryPoint, files } = this.parseWork();
    if (this.check === true) {
      throw new InvalidInput("--check", ["not available here. Use: pdoflow post --check"]);
    }
    const sources = await this.openSources(files);
    await this.checkEntry(entryPoint);
    if (this.dryRun) return await this.showJobs(sources, entryPoint);
    const posting = { ...this.newPosting(entryPoint), run: crypto.randomUUID() };
    const reading = new Reading(this, "posting", sources, this.progress);
    const jobs = sources.sweep ?? this.batchesOf(reading);
    const { id, jobCount, target } = await this.withDatabase(async (db) => {
      await requirePoolGrant(db);
      const project = isCommand ? null : this.projectOf(entryPoint, db.target);
      const posted = await insertPosting(db, { ...posting, project }, jobs, sources.name);
      return { ...posted, target: db.target };
    }).finally(() => reading.end());
    try {
      const { run, maxFailures } = posting;
      return await this.#runJobs({ id, jobCount, target, run, maxFailures }, maxWorkers);
    } catch (error) {
      await this.#abandon(id);
      throw error;
    }
  }

  async #runJobs(
    { id, jobCount, target, run, maxFailures }: PostedRun,
    maxWorkers: number,
  ): Promise<ExitCode> {
    const { context } = this;
    const { isCommand } = this;
    const output = new RunOutput(!isCommand || this.keepOrder, (job) => this.#show(job));
    const worker = {
      program: context.program,
      root: resolve(context.cwd, this.root ?? "."),
      runsCommands: isCommand,
      env: context.env,
      ...(isCommand && !this.json ? { spool: new Spool() } : {}),
      // By default a command sees the environment of the shell it was typed in.
      handsOn: parseEnv(this.env ?? (isCommand ? "*" : "")),
    };
    return await this.explaining(target, async () => {
      let stopsEarly = () => {};
      const start = async () => {
        const pool = await Pool.start(target, {
          ...workerPool(context, maxWorkers, worker),
          once: true,
          run,
          onEnded: (end) => {
            output.add(end);
            if (output.failed >= (maxFailures ?? Infinity)) stopsEarly();
          },
          log: (line) => this.#log(line),
        });
        // Stopping the posting takes some round trips, in which many short jobs could start.
        stopsEarly = () => pool.drain(pluralize(output.failed, "failure"));
        return pool;
      };
      return await this.#work(start, id, jobCount, output);
    });
  }

  /** Runs the pool until it ends, or until a signal ends it. */
  async #work(start: () => Promise<Pool>, id: number, jobCount: number, output: RunOutput) {
    const stop = Promise.withResolvers<string>();
    let pool: Pool | null = null;
    const again = Promise.withResolvers<void>();
    let signals = 0;
    const offSignals = this.context.onStopSignal((signal) => {
      stop.resolve(signal);
      if (signal === "SIGPIPE")
        again.resolve(); // nobody reads the rest
      else if (++signals > 1) {
        again.resolve();
        pool?.kill();
      }
    });
    const showing = this.#showProgress(jobCount, output);
    try {
      pool = await start();
      const finished = pool.finished();
      let end = await Promise.race([finished, stop.promise]);
      if (typeof end !== "string") {
        // It was stopped because of failures, and no other pool may run the rest (R2).
        if (output.ended < jobCount) await this.#cancelRest(id, jobCount, output);
        const shown = await Promise.race([output.flush(), stop.promise]);
        if (shown === undefined) {
          showing[Symbol.dispose]();
          return this.#report(id, jobCount, output);
        }
        end = shown;
      }
      const reason = `pdoflow run was ended by ${end}`;
      await this.#cancel(id, reason);
      await finished; // it ends the running jobs, and then finds no more
      if (end === "SIGPIPE") return exitCodes.brokenPipe; // `| head` has all that it wanted
      await Promise.race([output.flush(), again.promise]);
      this.say(`pdoflow run: posting ${id} is cancelled: ${reason}`);
      return end === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
    } finally {
      offSignals();
      showing[Symbol.dispose]();
    }
  }

  /** Keeps the reason for which it was stopped. */
  async #cancelRest(id: number, jobCount: number, { failed }: RunOutput): Promise<void> {
    const [stopped] = await this.withDatabase((db) => findStopped(db, [id]));
    const own = failed > 0 ? `${failed} of ${jobCount} jobs have failed` : "its run has ended";
    await this.#cancel(id, stopped?.reason ?? own);
  }

  /** After an error: only this run could have run the jobs (R2). */
  async #abandon(id: number): Promise<void> {
    try {
      await this.#cancel(id, "its run has failed");
    } catch {
      this.say(`posting ${id} is still open, and no other pool runs it: pdoflow cancel ${id}`);
    }
  }

  async #cancel(id: number, reason: string): Promise<void> {
    await this.withDatabase((db) => cancelPostings(db, [id], { killsRunning: true, reason }));
  }

  #showProgress(total: number, output: RunOutput): Disposable {
    const progress = new PostingProgress(this, "run", this.progress);
    this.#bar = progress;
    const jobs = () => ({ ended: output.ended, failed: output.failed, total });
    const timer = setInterval(() => progress.show(jobs()), showEveryMs);
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer);
        progress.finish(jobs());
      },
    };
  }

  /** On a terminal the progress line replaces the log, except for missing code of the jobs. */
  #log(line: string): void {
    if (this.context.isTerminal.stderr && !line.includes("is skipped")) return;
    this.say(`run: ${line}`);
  }

  async #show(job: EndedJob): Promise<void> {
    if (this.json) return await this.#aside("stdout", async () => this.#showJson(job));
    const { whole, error } = job;
    if (!this.isCommand) {
      await this.#aside("stdout", async () => {
        await this.printInPace(`${JSON.stringify(job.result)}\n`);
        return true;
      });
    } else if (whole) await this.#print(job.job, whole);
    if (error !== null) this.say(`job ${job.job} ${job.state}: ${error.name}: ${error.message}`);
  }

  #showJson(job: EndedJob): boolean {
    this.printJson(outputSchemas.run, job);
    return true;
  }

  /** Prints output above the bar, if both are on the terminal. */
  async #aside(stream: "stdout" | "stderr", print: () => Promise<boolean>): Promise<void> {
    if (this.#bar && this.context.isTerminal[stream]) await this.#bar.aside(print);
    else await print();
  }

  async #print(job: string, { stdout, stderr }: WholeOutput): Promise<void> {
    try {
      await this.#aside("stdout", () => printWhole(stdout, this.context.stdout));
      await this.#aside("stderr", () => printWhole(stderr, this.context.stderr));
    } catch (error) {
      this.#isCut = true; // the temporary folder is full
      this.say(`job ${job}: its output is incomplete: ${String(error)}`);
    }
  }

  #report(id: number, jobCount: number, output: RunOutput): ExitCode {
    const { ended, failed } = output;
    if (failed > 0) {
      this.say(
        `pdoflow run: ${failed} of ${pluralize(jobCount, "job")} failed; ` +
          `why: pdoflow failures ${id}`,
      );
    }
    if (ended < jobCount) {
      this.say(
        `pdoflow run: ${pluralize(jobCount - ended, "job")} did not run: pdoflow status ${id}`,
      );
    }
    if (this.#isCut) return exitCodes.output;
    return failed > 0 || ended < jobCount ? exitCodes.jobsFailed : exitCodes.ok;
  }
}

interface PostedRun {
  id: number;
  jobCount: number;
  target: Target;
  /** The token of the pool that may run it. */
  run: string;
  maxFailures: number | null | undefined;
}
