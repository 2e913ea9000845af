import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import { countOfOthers } from "../../db/read/lists.ts";
import { describeTarget, type Target } from "../../db/connection/settings.ts";
import { parseProvides, type Provides } from "../../domain/capabilities.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { startPool } from "../../domain/explain.ts";
import { withWorkers } from "../../pool/with-workers.ts";
import { poolDefaults, type PoolOptions, type PoolSummary } from "../../pool/options.ts";
import { AllowList } from "../../pool/trust/allow-list.ts";
import { type Confinement, findWorkerUser, NoConfinement } from "../../pool/run/confinement.ts";
import { parseEnv } from "../../pool/wire/environment.ts";
import { Pool } from "../../pool/pool.ts";
import { projectOfPool } from "../../pool/entry/project.ts";
import { SignaturePolicy } from "../../pool/trust/signature-policy.ts";
import type { AdmissionPolicy } from "../../pool/trust/admission-policy.ts";
import { build } from "../../version.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { byteSize, duration, wholeNumber } from "../shell/flag-values.ts";

const Options = v.object({
  maxWorkers: v.optional(wholeNumber(1, 1024)),
  heartbeatTimeout: v.optional(
    v.pipe(
      duration,
      v.minValue(2_000, "expected at least 2s, for heartbeats may come late"),
      v.maxValue(86_400_000, "expected at most 1d"),
    ),
    "15s",
  ),
  recycleAfter: v.optional(wholeNumber(1, 1_000_000_000)),
  recycleAbove: v.optional(byteSize),
  idleTimeout: v.optional(duration),
  lifetime: v.optional(duration),
  grace: v.optional(duration),
  oldestEvery: v.optional(wholeNumber(0, 1_000_000), "10"),
  limitFiles: v.optional(wholeNumber(32, 1_000_000)),
  limitProcesses: v.optional(wholeNumber(16, 1_000_000)),
  profile: v.optional(
    v.pipe(
      v.union([v.boolean(), v.string()]),
      v.transform((given) => (given === true ? "10%" : given === false ? "0%" : given)),
      v.regex(/^(100(\.0+)?|\d{1,2}(\.\d+)?)%$/, "expected a share of the jobs such as 10%"),
      v.transform((text) => Number.parseFloat(text) / 100),
    ),
    false,
  ),
});

type Options = v.InferOutput<typeof Options>;

const rootWarning =
  "pool: its jobs run as root. Start the pool as an ordinary user, or with --worker-user NAME.";

export class PoolCommand extends PdoflowCommand {
  static override paths = [["pool"]];
  static override usage = Command.Usage({
    description: "run jobs in worker processes on this machine",
    details: `
      Claims jobs of all postings and runs them in up to --max-workers processes, each of which
      imports the entry point once. SIGTERM or SIGINT: jobs that run are finished, all others are
      released, exit code 0. A second signal kills; the jobs that ran are released too.

      With --once it ends when nothing is left that it could run. It waits until the jobs of a pool
      without a heartbeat are released, but not for jobs that live pools run. Exit code 1 if a job
      that it ran has failed for good, a posting was stopped because its jobs only failed, or is
      left because this pool refuses it (--trust, --allow).
    `,
    examples: [
      ["Run jobs until it is stopped", "$0 pool --max-workers 16"],
      ["Run what is there, then end", "$0 pool --once"],
    ],
  });
  maxWorkers = Option.String("--max-workers", {
    description: "how many jobs to run at a time; by default the number of cores",
  });
  root = Option.String("--root", {
    description: "the folder that entry points are relative to; by default the current one",
  });
  project = Option.String("--project", {
    description: "run the postings of this project and of none; '*' for any (default: by the root)",
  });
  provides = Option.String("--provides", {
    description: "what this machine has for jobs that need it, such as gpu,mem=64G",
  });
  onlyMine = Option.Boolean("--only-mine", false, {
    description: "run only jobs that this role and this user of the operating system have posted",
  });
  posters = Option.String("--posters", {
    description: "run only jobs of these database roles or users, such as ann,bob",
  });
  trust = Option.String("--trust", {
    description: "run only postings signed with a key of this folder (docs/signing.md)",
  });
  allow = Option.Array("--allow", {
    description: "run only entry points like these, such as 'jobs/**#*'; may be repeated",
  });
  env = Option.String("--env", {
    description:
      "variables that workers see beside PATH, HOME, LANG, SLURM_* and such, as in " +
      "LICENCE,AWS_*; '*' for all but those that may lead to the database",
  });
  oldestEvery = Option.String("--oldest-every", {
    description: "one claim in so many goes to the oldest posting; by default 10, 0 for none",
  });
  heartbeatTimeout = Option.String("--heartbeat-timeout", {
    description: "without a heartbeat for so long, its jobs go to other pools; by default 15s",
  });
  recycleAfter = Option.String("--recycle-after", {
    description: "replace a worker after so many jobs; by default never",
  });
  recycleAbove = Option.String("--recycle-above", {
    description: "replace a worker, between two jobs, that uses more memory than this, such as 2G",
  });
  workerUser = Option.String("--worker-user", {
    description: "workers become this user, with no other groups; for a pool that root starts",
  });
  limitFiles = Option.String("--limit-files", {
    description: "how many files a worker may have open",
  });
  limitProcesses = Option.String("--limit-processes", {
    description: "how many processes the user of the workers may have, threads included",
  });
  reload = Option.Boolean("--reload", true, {
    description: "--no-reload keeps workers that imported code which has changed on disk since",
  });
  idleTimeout = Option.String("--idle-timeout", {
    description: "end when there was nothing to run for so long; by default never",
  });
  lifetime = Option.String("--lifetime", {
    description: "end after so long, and take no job that can't be expected to end before",
  });
  grace = Option.String("--grace", {
    description:
      "when it ends, how long jobs that run have before they are killed; by default for ever",
  });
  profile = Option.String("--profile", {
    tolerateBoolean: true,
    description: "sample where jobs spend their time, 10% of them or as in --profile=50%",
  });
  once = Option.Boolean("--once", false, { description: "end when nothing is left to run" });

  /** Whose jobs it runs; null for everybody's. */
  #posters(role: string): string[] | null {
    if (this.onlyMine) return [`${role}/${this.context.osUser()}`];
    return this.posters === undefined ? null : this.posters.split(",").map((name) => name.trim());
  }

  async run() {
    const { context } = this;
    const options = parseFlags(Options, this);
    const root = resolve(context.cwd, this.root ?? ".");
    // The pool opens its own connections; this one makes sure of the schema.
    const target = await this.withDatabase(async (db) => db.target);
    return await this.explaining(target, async () => {
      // From before it is registered on: one that is ended then must not leave its row behind.
      const signals: string[] = [];
      let started: Pool | null = null;
      const obey = () => {
        if (signals.length > 1) started?.kill();
        else if (signals.length === 1) started?.drain(`${signals[0]}, once more kills`);
      };
      const ignore = context.onStopSignal((signal) => {
        signals.push(signal);
        obey();
      });
      try {
        const poolOptions = this.#poolOptions(options, target, root);
        started = await Pool.start(target, poolOptions);
        this.say(
          `pool: ${poolOptions.maxWorkers} workers, root ${root}, ` +
            `${describeProject(poolOptions.project ?? null)}, ${describeTarget(target)}`,
        );
        const runsAsRoot = context.uid === 0 && this.workerUser === undefined;
        if (runsAsRoot) this.say(rootWarning);
        obey();
        const summary = await started.finished();
        if (this.once && attemptsOf(summary) === 0) {
          await this.#reportOthers(poolOptions.project ?? null);
        }
        return this.#report(summary);
      } finally {
        ignore();
      }
    });
  }

  #poolOptions(options: Options, target: Target, root: string): PoolOptions {
    const { context } = this;
    const provides = this.provides === undefined ? {} : parseProvides(this.provides);
    const { project } = this;
    // What jobs post goes to the same project.
    const env = project === undefined ? context.env : { ...context.env, PDOFLOW_PROJECT: project };
    const worker = {
      ...{ program: context.program, root, env, handsOn: parseEnv(this.env) },
      jobsMax: options.recycleAfter ?? null,
      memoryMaxBytes: options.recycleAbove ?? null,
      profiles: options.profile,
      confinement: this.#confinement(options),
    };
    return {
      ...poolDefaults,
      host: context.host,
      pid: context.pid,
      version: build,
      osUser: context.osUser(),
      provides,
      project: projectOfPool({ option: project, env: context.env, root, target }),
      policy: this.#policy(root, provides),
      posters: this.#posters(target.user),
      heartbeatTimeoutMs: options.heartbeatTimeout,
      idleTimeoutMs: options.idleTimeout ?? null,
      lifetimeMs: options.lifetime ?? null,
      graceMs: options.grace ?? null,
      oldestEvery: options.oldestEvery,
      once: this.once,
      log: (line) => this.say(`pool: ${line}`),
      ...withWorkers(options.maxWorkers ?? context.cores, worker, { reloads: this.reload }),
    };
  }

  /** Null if no option asks for it: a job may want to write a core file. */
  #confinement({ limitFiles, limitProcesses }: Options): Confinement | null {
    const { workerUser, context } = this;
    if ((workerUser ?? limitFiles ?? limitProcesses) === undefined) return null;
    if (context.platform !== "linux") {
      throw new NoConfinement("--worker-user and --limit-…: expected Linux, found another system");
    }
    const user = workerUser === undefined ? null : findWorkerUser(workerUser, context.uid);
    return { user, files: limitFiles ?? null, processes: limitProcesses ?? null };
  }

  #policy(root: string, provides: Provides): AdmissionPolicy | null {
    const signatures = this.#signatures(root, provides);
    return this.allow === undefined ? signatures : new AllowList(this.allow, signatures);
  }

  #signatures(root: string, provides: Provides): SignaturePolicy | null {
    if (this.trust === undefined) return null;
    const folder = resolve(this.context.cwd, this.trust);
    const policy = new SignaturePolicy(folder, { root, provides });
    this.say(
      `pool: runs only postings that are signed by one of ${pluralize(policy.keyCount, "key")}`,
    );
    return policy;
  }

  /** Says which projects the postings are of that it did not run. */
  async #reportOthers(own: string | null): Promise<void> {
    if (own === null) return;
    const others = await this.withDatabase((db) => countOfOthers(db, own));
    for (const { project, postings } of others) {
      this.say(
        `pool: ${pluralize(postings, "posting")} of the project ${project} ` +
          `${postings === 1 ? "waits" : "wait"} for a pool of that project; ` +
          `start one with: ${startPool({ project })}`,
      );
    }
  }

  /** Says what the pool did in its life; returns the exit code. */
  #report({ done, failed, retried, refused, released, ...rest }: PoolSummary): ExitCode {
    this.say(
      `pool: ended: ${done} done, ${failed} failed, ${retried} failed attempts to be tried ` +
        `again, ${released} released${refused > 0 ? `, ${refused} refused` : ""}`,
    );
    const isAllDone = failed + rest.stopped === 0 && !rest.refusesAny;
    return this.once && !isAllDone ? exitCodes.jobsFailed : exitCodes.ok;
  }
}

const attemptsOf = ({ done, failed, retried, cancelled }: PoolSummary): number =>
  done + failed + retried + cancelled;

const describeProject = (project: string | null): string =>
  project === null ? "any project" : `project ${project}`;
