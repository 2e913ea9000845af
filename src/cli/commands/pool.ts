import { resolve } from "node:path";

import { Command } from "clipanion";

import type { PoolTrace } from "../../job/attempt-trace.ts";
import { describeTarget, type Target } from "../../db/settings/target.ts";
import { formatProvided, isCommandNeed, type Provides } from "../../domain/capabilities.ts";
import { type ExitCode, exitCodes, InvalidInput, messageOf } from "../../domain/errors.ts";
import { providesOf, receiverOf } from "../../domain/notification.ts";
import { stopSignalNames } from "../../domain/stop-signals.ts";
import { idleReasons } from "../diagnosis/idle-pool.ts";
import { leftPostings } from "../diagnosis/left-postings.ts";
import type { PoolOptions, PoolSummary } from "../../pool/options.ts";
import { findWorkerUser, NoConfinement, type WorkerUser } from "../../pool/run/confinement.ts";
import { parseEnv } from "../../pool/wire/environment.ts";
import { readReceivers } from "../../pool/notify/receivers.ts";
import { Pool } from "../../pool/pool.ts";
import { workerPool } from "../../pool/worker-pool.ts";
import { projectOfPool } from "../../pool/entry/project.ts";
import { requireRoot } from "../../pool/entry/require-root.ts";
import { pluralize } from "../output/pluralize.ts";
import { choosePostings } from "../input/pool-postings.ts";
import { type PoolFlags, PoolFlagsCommand } from "../input/pool-flags.ts";
import { poolPolicy } from "../input/pool-policy.ts";
import { poolResources } from "../input/pool-resources.ts";
import { checkHealth } from "../health/health-check.ts";
import { EntryPointCounts } from "../health/entry-point-counts.ts";
import { HealthReports } from "../health/health-reports.ts";
import { pushTarget } from "../health/metrics-push.ts";
import { traceSettings } from "../trace/trace-settings.ts";
import { newPoolTrace, Tracing } from "../trace/tracing.ts";
import { build } from "../../version.ts";
import { PoolProgress } from "../shell/pool-progress.ts";

const rootWarning =
  "pool: warning: jobs run as root. Start the pool as an ordinary user, or use --worker-user NAME.";

export class PoolCommand extends PoolFlagsCommand {
  static override paths = [["pool"]];
  static override usage = Command.Usage({
    description: "run jobs in worker processes on this machine",
    details: `
      Claims jobs of all postings and runs them in up to --max-workers processes. Each process
      imports an entry point once. On SIGTERM, SIGINT, SIGHUP, SIGUSR1 or SIGUSR2 the pool finishes
      its running jobs, releases all others and exits with 0. A second signal kills the running
      jobs; they are released too.

      With --posting or --name it serves only these postings. A name also stands for later postings
      of that name.

      With --once the pool exits when no job is left that it can run. It waits for the jobs of a
      pool without a heartbeat to be released, but not for jobs that live pools run. It lists up to
      10 postings that need more than it or another live pool provides. The exit code is 1 if a job
      permanently failed, if a posting was stopped because of failures, or if this pool refused a
      posting (--trust, --allow).
    `,
    examples: [
      ["Run jobs until stopped", "$0 pool --max-workers 16"],
      ["Run all waiting jobs, then exit", "$0 pool --once"],
      ["Run the jobs of one posting, then exit", "$0 pool --posting 42 --once"],
      ["Run posted commands too, eight at a time", "$0 pool --commands -j 8"],
    ],
  });

  /** The posters whose jobs it runs; null for all. */
  #posters(role: string): string[] | null {
    if (this.onlyMine) return [`${role}/${this.context.osUser()}`];
    return this.posters === undefined ? null : this.posters.split(",").map((name) => name.trim());
  }

  async run() {
    const { context } = this;
    if (this.healthCheck !== undefined) return await this.#checkHealth(this.healthCheck);
    const options = this.poolFlags();
    if (options.metricsEntryPoints > 0 && this.health === undefined && this.push === undefined) {
      throw new InvalidInput("--metrics-entry-points", [
        "expected --health or --push with it, which show these metrics, found neither",
      ]);
    }
    const root = resolve(context.cwd, this.root ?? ".");
    requireRoot(root);
    const traces = traceSettings({ otlp: this.otlp, share: options.traceShare }, context.env);
    await using health = await this.#openHealth();
    const trace = traces && newPoolTrace(traces);
    // The pool opens its own connections; this one checks the schema.
    const { target, poolOptions } = await this.withDatabase(async (db) => {
      const scope = await this.#poolOptions(options, { target: db.target, root, trace });
      const words = { postings: this.posting, names: this.name };
      const say = (line: string) => this.say(`pool: ${line}`);
      const postings = await choosePostings(db, words, scope, say);
      return { target: db.target, poolOptions: { ...scope, postings } };
    });
    return await this.explaining(target, async () => {
      await using tracing =
        traces &&
        trace &&
        new Tracing(trace, { settings: traces, version: build, log: poolOptions.log });
      const most = options.metricsEntryPoints;
      const entryPoints = most > 0 ? new EntryPointCounts(most) : null;
      const opened = (pool: Pool) => {
        const spans = tracing?.counts ?? null;
        health.opened({ pool, version: build, spans, entryPoints }, target);
      };
      const watched = { ...poolOptions, ...onEndedRun(entryPoints, tracing) };
      return await this.#runPool(target, watched, { opened, stopping: () => health.stopping() });
    });
  }

  async #runPool(
    target: Target,
    poolOptions: PoolOptions,
    health: { opened: (pool: Pool) => void; stopping: () => void },
  ): Promise<ExitCode> {
    using progress = new PoolProgress(this, this.progress);
    // Listens before the pool is registered, so that a signal then does not leave its row behind.
    const signals: string[] = [];
    let started: Pool | null = null;
    const handleSignals = () => {
      if (signals.length === 0) return;
      health.stopping();
      started?.signalled();
      if (signals.length > 1) started?.kill();
      else started?.drain(`${signals[0]}`, "; a second signal kills them");
    };
    const offSignals = this.context.onStopSignal((signal) => {
      signals.push(signal);
      handleSignals();
    }, stopSignalNames);
    try {
      started = await Pool.start(target, poolOptions);
      health.opened(started);
      this.#sayBegin(poolOptions, target);
      handleSignals();
      progress.watch(started, poolOptions.maxWorkers);
      const summary = await started.finished();
      health.stopping();
      progress[Symbol.dispose]();
      if (this.once && signals.length === 0) await this.#sayWhatIsLeft(poolOptions, summary);
      return this.#report(summary);
    } finally {
      offSignals();
    }
  }

  #sayBegin({ maxWorkers, project, provides }: PoolOptions, target: Target): void {
    const { context, workerUser } = this;
    const root = resolve(context.cwd, this.root ?? ".");
    this.say(
      `pool: ${pluralize(maxWorkers, "worker")}, root ${root}, ` +
        `${describeProject(project ?? null)}, ${describeTarget(target)}`,
    );
    if (this.resource.length > 0 || "gpu" in provides) {
      this.say(`pool: resources: ${describeResources(provides)}`);
    }
    if (context.uid === 0 && workerUser === undefined) this.say(rootWarning);
  }

  /** The postings that it could not run, and why; if it ran nothing at all, also what waits. */
  async #sayWhatIsLeft(scope: PoolOptions, summary: PoolSummary): Promise<void> {
    const isIdle = attemptsOf(summary) === 0 && !scope.postings;
    const read = this.withDatabase(async (db) => [
      ...(isIdle ? await idleReasons(db, scope.project ?? null) : []),
      ...(await leftPostings(db, scope)),
    ]);
    // The summary of the pool matters more.
    const lines = await read.catch((error: unknown) => [
      `cannot read which postings are left: ${messageOf(error)}`,
    ]);
    for (const line of lines) this.say(`pool: ${line}`);
  }

  async #openHealth(): Promise<HealthReports> {
    const { env, pid } = this.context;
    const say = (line: string) => this.say(`pool: ${line}`);
    const push = this.push === undefined ? null : pushTarget(this.push, this.context.host);
    return await HealthReports.open({ listen: this.health, push, env, pid, say });
  }

  async #checkHealth(address: string): Promise<ExitCode> {
    const { code, line } = await checkHealth(address, "--health-check");
    this.say(`pool: ${line}`);
    return code;
  }

  async #poolOptions(
    options: PoolFlags,
    { target, root, trace }: { target: Target; root: string; trace: PoolTrace | null },
  ): Promise<PoolOptions> {
    const { context, resource, pinCpus } = this;
    const given = { resource, pinCpus, maxWorkers: options.maxWorkers };
    const resources = await poolResources(given, context, (line) => this.say(`pool: ${line}`));
    const { provides: named, maxWorkers, machineCpus } = resources;
    const receivers = this.#receivers();
    const provides = {
      ...named,
      ...(this.commands ? { commands: true as const } : {}),
      ...providesOf(receivers),
    };
    const { project } = this;
    // Jobs post to the same project.
    const env = project === undefined ? context.env : { ...context.env, PDOFLOW_PROJECT: project };
    const worker = {
      program: context.program,
      root,
      env,
      provides,
      runsCommands: this.commands,
      notifyFrom: this.notifyFrom === undefined ? null : resolve(context.cwd, this.notifyFrom),
      handsOn: parseEnv(this.env),
      jobsMax: options.recycleAfter ?? null,
      memoryMaxBytes: options.recycleAbove ?? null,
      profiles: options.profile,
      trace,
      log: (line: string) => this.say(`pool: ${line}`),
      user: this.#workerUser(),
    };
    return {
      ...workerPool(context, maxWorkers, worker, {
        reloads: !this.noReload,
      }),
      provides,
      machineCpus,
      project: projectOfPool({ option: project, env: context.env, root, target }),
      policy: poolPolicy(this, root, provides),
      posters: this.#posters(target.user),
      heartbeatTimeoutMs: options.heartbeatTimeout,
      onDatabaseLost: options.onDatabaseLost,
      idleTimeoutMs: options.idleTimeout ?? null,
      lifetimeMs: options.lifetime ?? null,
      graceMs: options.grace ?? null,
      oldestEvery: options.oldestEvery,
      once: this.once,
      log: (line) => this.say(`pool: ${line}`),
    };
  }

  /**
   * The names of the receivers that it notifies.
   *
   * @throws the errors of {@link readReceivers}.
   * @throws {InvalidInput} its workers could not read them.
   */
  #receivers(): string[] {
    const { notifyFrom, workerUser, context } = this;
    if (notifyFrom === undefined) return [];
    if (workerUser !== undefined) {
      throw new InvalidInput("--notify-from", [
        `expected no --worker-user: ${workerUser} must not read the secrets of receivers. Start ` +
          "another pool for notifications (docs/notifications.md)",
      ]);
    }
    return readReceivers(resolve(context.cwd, notifyFrom)).map(({ name }) => name);
  }

  #workerUser(): WorkerUser | null {
    const { workerUser, context } = this;
    if (workerUser === undefined) return null;
    if (context.platform === "linux") return findWorkerUser(workerUser, context.uid);
    throw new NoConfinement(`--worker-user: expected Linux, found ${context.platform}.`);
  }

  /** Prints a summary of the pool's work; returns the exit code. */
  #report({ done, failed, retried, refused, released, ...rest }: PoolSummary): ExitCode {
    this.say(
      `pool: ended: ${done} done, ${failed} failed, ${retried} failed attempts to be retried, ` +
        `${released} released${refused > 0 ? `, ${refused} refused` : ""}` +
        (rest.failedByLoss > 0 ? `, ${rest.failedByLoss} failed with a lost pool` : ""),
    );
    const isAllDone = failed + rest.failedByLoss + rest.stopped === 0 && !rest.refusesAny;
    return this.once && !isAllDone ? exitCodes.jobsFailed : exitCodes.ok;
  }
}

/** The listener to all of these that are there; none if there is none. */
function onEndedRun(
  ...observers: (Required<Pick<PoolOptions, "onEndedRun">> | null)[]
): Pick<PoolOptions, "onEndedRun"> {
  const [first, ...others] = observers.filter((each) => each !== null);
  if (!first) return {};
  const onEach: PoolOptions["onEndedRun"] = (ended, run) => {
    for (const observer of [first, ...others]) observer.onEndedRun(ended, run);
  };
  return { onEndedRun: others.length === 0 ? first.onEndedRun : onEach };
}

const attemptsOf = ({ done, failed, retried, cancelled }: PoolSummary): number =>
  done + failed + retried + cancelled;

/** Without what other options have added. */
const describeResources = (provides: Provides): string =>
  Object.entries(provides)
    .filter(([name]) => !isCommandNeed([name, "has"]) && receiverOf([name, "has"]) === null)
    .map(([name, provided]) => formatProvided(name, provided))
    .join(" ");

const describeProject = (project: string | null): string =>
  project === null ? "any project" : `project ${project}`;
