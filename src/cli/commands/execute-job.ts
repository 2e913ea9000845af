import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { findUpstream, readGathered } from "../../db/read/gathered.ts";
import { readJob } from "../../db/read/jobs.ts";
import type { Target } from "../../db/settings/target.ts";
import { findPostings, type PostingRow } from "../../db/read/snapshot.ts";
import type { JobError } from "../../domain/attempt.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { errorText } from "../../domain/error-causes.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { isOfProject } from "../../domain/route.ts";
import { rangeOfGroup, type UpstreamPosting } from "../../domain/upstream.ts";
import { parseEnv } from "../../pool/wire/environment.ts";
import {
  type ExecutedJob,
  executeJob,
  type ExecuteOptions,
  type JobToExecute,
} from "../../pool/worker/execute-job.ts";
import { projectOfPool } from "../../pool/entry/project.ts";
import { requireRoot } from "../../pool/entry/require-root.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { JobNotFound, jobNamed } from "../input/job-named.ts";
import { findSelected } from "../input/select.ts";

const defaultInspect = "127.0.0.1:6499";

export class ExecuteJobCommand extends PdoflowCommand {
  static override paths = [["execute-job"]];
  static override usage = Command.Usage({
    description: "run one job on this machine, to debug it",
    details: `
      Runs the job whatever its state, in a new process with this terminal and the environment of a
      worker. Nothing is recorded and the queue does not change; to have a pool run the job again,
      use \`$0 retry\`. The job's output is printed. Its return value or error goes to stderr.
      Ctrl-C stops it.
    `,
    examples: [
      ["Run the eighth job of posting 42", "$0 execute-job 42/7"],
      ["Wait for a debugger first", "$0 execute-job 42/7 --inspect"],
    ],
  });
  job = Option.String({ name: "posting/index" });
  root = Option.String("--root", {
    description: "the folder to which the entry point is relative (default: the current folder)",
  });
  project = Option.String("--project", {
    description: "the project of this folder, '*' for any (default: derived from the root)",
  });
  env = Option.String("--env", {
    description: "further environment variables for the job, as in `pdoflow pool --env`",
  });
  inspect = Option.String("--inspect", {
    tolerateBoolean: true,
    description: `wait for a debugger, as in --inspect=HOST:PORT (default: ${defaultInspect})`,
  });

  async run() {
    const { context } = this;
    requireRoot(resolve(context.cwd, this.root ?? "."));
    const found = await this.#find();
    const inspect =
      typeof this.inspect === "string" ? this.inspect : this.inspect ? defaultInspect : null;
    if (inspect !== null)
      this.say(`waiting for a debugger: https://debug.bun.sh/#${inspect}/pdoflow`);
    let stoppedBy: string | null = null;
    const stop = context.onStopSignal((signal) => (stoppedBy = signal));
    const { program, env, onStopSignal } = context;
    const options = {
      program,
      env,
      handsOn: parseEnv(this.env),
      inspect,
      printsToStderr: this.json,
      onStopSignal,
      root: resolve(context.cwd, this.root ?? "."),
    };
    const ended =
      found.upstream === null
        ? await executeJob(found, { ...options, readResults: null })
        : await this.#executeGathering(found, found.upstream, options);
    stop();
    this.#report(`${found.posting}/${found.index}`, ended);
    if (ended.isDone) return exitCodes.ok;
    if (stoppedBy === "SIGINT") return exitCodes.interrupted;
    return stoppedBy === null ? exitCodes.jobsFailed : exitCodes.terminated;
  }

  /** With a connection, over which this process reads the results for the job. */
  async #executeGathering(
    job: JobToExecute,
    upstream: UpstreamPosting,
    options: Omit<ExecuteOptions, "readResults">,
  ): Promise<ExecutedJob> {
    const { end } = rangeOfGroup(upstream, job.index);
    return await this.withDatabase((db) =>
      executeJob(job, {
        ...options,
        readResults: (first) => readGathered(db, { postingId: upstream.posting, first, end }),
      }),
    );
  }

  async #find(): Promise<JobToExecute> {
    const { selector, index } = jobNamed(this.job);
    return await this.withDatabase(async (db) => {
      const [selected] = await findSelected(db, [selector]);
      const [posting] = selected ? await findPostings(db, [selected.id]) : [];
      if (!posting) throw new JobNotFound(this.job);
      const job = await readJob(db, posting.id, index);
      if (!job) throw new JobNotFound(this.job);
      const { entryPoint } = posting;
      this.#requireProject(db.target, posting);
      const upstream = await findUpstream(db, posting.id);
      const attempt = job.attempts + 1;
      return { posting: posting.id, index, attempt, entryPoint, args: job.args, upstream };
    });
  }

  /** Another project may have different code under the same name. */
  #requireProject(target: Target, { id, project: found }: PostingRow): void {
    const { env, cwd } = this.context;
    const root = resolve(cwd, this.root ?? ".");
    const project = projectOfPool({ option: this.project, env, root, target });
    if (isOfProject({ project: found ?? "" }, { project })) return;
    const home = found?.startsWith("/")
      ? `--root ${found}`
      : "--root FOLDER with the folder of that project";
    throw new InvalidInput("job", [
      `expected a posting of project ${project}, but posting ${id} belongs to project ` +
        `${found}. Use ${home}, or --project '*' to run the code in this folder`,
    ]);
  }

  #report(job: string, { isDone, text, durationMs }: ExecutedJob): void {
    if (this.json) {
      const value: unknown = text === null ? null : JSON.parse(text);
      const error = isDone ? null : value;
      const result = isDone ? value : null;
      this.printJson(outputSchemas["execute-job"], { job, isDone, durationMs, result, error });
      return;
    }
    const took = `${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`;
    if (isDone) this.say(`job ${job}: done in ${took}, returned ${text ?? "nothing"}`);
    else {
      const error: JobError = JSON.parse(text ?? "{}");
      this.say(`job ${job}: failed after ${took}: ${errorText(error)}`);
    }
    this.say("nothing was recorded");
  }
}
