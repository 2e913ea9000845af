import { Option } from "clipanion";
import * as v from "valibot";

import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { byteSize, duration, wholeNumber } from "../shell/flag-values.ts";

/** A percentage on the command line, from 0 to 1. */
const share = (expected: string) =>
  v.pipe(
    v.string(),
    v.regex(/^(100(\.0+)?|\d{1,2}(\.\d+)?)%$/, `expected a percentage ${expected}`),
    v.transform((text) => Number.parseFloat(text) / 100),
  );

const PoolFlags = v.object({
  maxWorkers: v.optional(wholeNumber(1, 1024)),
  heartbeatTimeout: v.optional(
    v.pipe(
      duration,
      v.minValue(2_000, "expected at least 2s, because heartbeats can be late"),
      v.maxValue(86_400_000, "expected at most 1d"),
    ),
    "15s",
  ),
  onDatabaseLost: v.optional(v.picklist(["stop", "finish"], "expected stop or finish"), "stop"),
  recycleAfter: v.optional(wholeNumber(1, 1_000_000_000)),
  recycleAbove: v.optional(byteSize),
  idleTimeout: v.optional(duration),
  lifetime: v.optional(duration),
  grace: v.optional(duration),
  oldestEvery: v.optional(wholeNumber(0, 1_000_000), "10"),
  profile: v.optional(
    v.pipe(
      v.union([v.boolean(), v.string()]),
      v.transform((given) => (given === true ? "10%" : given === false ? "0%" : given)),
      share("of the jobs such as 10%"),
    ),
    false,
  ),
  metricsEntryPoints: v.optional(wholeNumber(0, 50), "0"),
  traceShare: v.optional(share("of the attempts such as 0.1%")),
});

/** The parsed values of these options. */
export type PoolFlags = v.InferOutput<typeof PoolFlags>;

/** A command that starts a pool, with the options of one. */
export abstract class PoolFlagsCommand extends PdoflowCommand {
  maxWorkers = Option.String("-j,--jobs,--max-workers", {
    description: "run at most N jobs at the same time (default: the number of cpus)",
  });
  root = Option.String("--root", {
    description: "the folder to which entry points are relative (default: the current folder)",
  });
  project = Option.String("--project", {
    description:
      "run postings of this project and postings without one; '*' for any (default: derived from " +
      "the root)",
  });
  resource = Option.Array("--resource", [], {
    description:
      "a resource that jobs can take or need, such as gpu=0,1, mem=64G, model=a100 or gpu=none; " +
      "can be repeated (default: the cpus, memory and gpus of this machine)",
  });
  pinCpus = Option.Boolean("--pin-cpus", false, {
    description:
      "let each job run only on the CPUs that it takes, which no other job of the pool has",
  });
  posting = Option.Array("--posting", [], {
    description: "run only jobs of these postings, such as 42, last or 42,43; can be repeated",
  });
  name = Option.Array("--name", [], {
    description: "run only jobs of postings with this name, now and later; can be repeated",
  });
  onlyMine = Option.Boolean("--only-mine", false, {
    description: "run only jobs posted by this database role and this operating system user",
  });
  posters = Option.String("--posters", {
    description: "run only jobs of these database roles or users, such as ann,bob",
  });
  trust = Option.String("--trust", {
    description: "run only postings signed with a key in this folder (docs/signing.md)",
  });
  allow = Option.Array("--allow", {
    description: "run only entry points that match, such as 'jobs/**#*'; can be repeated",
  });
  commands = Option.Boolean("--commands", false, {
    description: "also run commands, posted with `pdoflow post -- COMMAND` (docs/security.md)",
  });
  notifyFrom = Option.String("--notify-from", {
    description:
      "also send the notifications to the receivers in this folder, such as notify.d/slack.toml " +
      "(docs/notifications.md)",
  });
  env = Option.String("--env", {
    description:
      "environment variables to pass to workers besides PATH, HOME, LANG, SLURM_* and similar, " +
      "such as LICENCE,AWS_*; '*' for all except variables that give access to the database",
  });
  oldestEvery = Option.String("--oldest-every", {
    description: "let every Nth claim prefer the oldest posting; 0 for never (default: 10)",
  });
  heartbeatTimeout = Option.String("--heartbeat-timeout", {
    description: "release this pool's jobs after this long without a heartbeat (default: 15s)",
  });
  onDatabaseLost = Option.String("--on-database-lost", {
    description:
      "when heartbeats fail: stop running jobs before other pools take them over, or let them " +
      "finish, perhaps beside a second run elsewhere: stop or finish (default: stop)",
  });
  recycleAfter = Option.String("--recycle-after", {
    description: "replace a worker process after N jobs (default: never)",
  });
  recycleAbove = Option.String("--recycle-above", {
    description:
      "replace a worker process between jobs when it uses more memory than this, such as 2G " +
      "(default: never)",
  });
  workerUser = Option.String("--worker-user", {
    description: "run workers as this user, without supplementary groups; requires root",
  });
  noReload = Option.Boolean("--no-reload", false, {
    description: "keep workers whose imported code has changed on disk",
  });
  idleTimeout = Option.String("--idle-timeout", {
    description: "exit after this long without a job to run (default: never)",
  });
  lifetime = Option.String("--lifetime", {
    description: "exit after this long, and claim no job that is unlikely to finish before",
  });
  grace = Option.String("--grace", {
    description: "when stopping, kill jobs that still run after this long (default: never)",
  });
  profile = Option.String("--profile", {
    tolerateBoolean: true,
    description: "profile a percentage of the jobs, as in --profile=50% (default: 10%)",
  });
  health = Option.String("--health", {
    description:
      "serve /livez, /readyz, /startupz, /metrics and /desired on this port, such as 9470 or " +
      "0.0.0.0:9470, or socket (default address: 127.0.0.1; docs/metrics.md)",
  });
  healthCheck = Option.String("--health-check", {
    description:
      "ask the health port or socket of a running pool, such as 9470 or 9470/livez, whether it " +
      "is ready, and exit with 0 or 1",
  });
  metricsEntryPoints = Option.String("--metrics-entry-points", {
    description:
      "count the attempts of the first N entry points each by itself in the metrics of " +
      "--health or --push, and the others together (at most 50; default: 0)",
  });
  push = Option.String("--push", {
    description:
      "push the metrics to this Pushgateway when the pool ends, such as http://localhost:9091 " +
      "(default: none)",
  });
  otlp = Option.String("--otlp", {
    description:
      "send traces of attempts to this collector (OTLP over HTTP), such as http://localhost:4318 " +
      "(default: OTEL_EXPORTER_OTLP_ENDPOINT, else none)",
  });
  traceShare = Option.String("--trace-share", {
    description:
      "trace this percentage of attempts, and all failures and the first 10 jobs of each posting " +
      "(default: OTEL_TRACES_SAMPLER, else 0.1%)",
  });
  once = Option.Boolean("--once", false, { description: "exit when no job is left to run" });
  progress = Option.Boolean("--progress", false, {
    description: "always show progress, even if stderr is not a terminal",
  });

  /** @throws {InvalidInput} with each option that is wrong. */
  protected poolFlags(): PoolFlags {
    return parseFlags(PoolFlags, this);
  }
}
