import { exitCodes } from "../domain/errors.ts";
import { build } from "../version.ts";
import type { Commands, ProcessContext } from "./shell/context.ts";

/** The commands. Each is loaded when it is called, so that `status` does not load a pool. */
export const commands: Commands = {
  cancel: async () => [(await import("./commands/control.ts")).CancelCommand],
  completions: async () => [
    (await import("./commands/completions.ts")).CompletionsCommand,
    ...Object.values(await import("./commands/complete-words.ts")),
  ],
  config: async () => [(await import("./commands/config.ts")).ConfigCommand],
  demo: async () => [(await import("./demo/demo.ts")).DemoCommand],
  depth: async () => [(await import("./commands/depth.ts")).DepthCommand],
  doctor: async () => [(await import("./commands/doctor.ts")).DoctorCommand],
  down: async () => [(await import("./commands/up.ts")).DownCommand],
  drain: async () => [(await import("./commands/control.ts")).DrainCommand],
  "execute-job": async () => [(await import("./commands/execute-job.ts")).ExecuteJobCommand],
  exporter: async () => [(await import("./commands/exporter.ts")).ExporterCommand],
  explain: async () => [(await import("./commands/explain.ts")).ExplainCommand],
  failures: async () => [(await import("./commands/failures.ts")).FailuresCommand],
  flow: async () => [
    (await import("./flow/post-flow.ts")).FlowPostCommand,
    (await import("./flow/show-flow.ts")).FlowShowCommand,
    (await import("./flow/list-flows.ts")).FlowListCommand,
    (await import("./flow/wait-flow.ts")).FlowWaitCommand,
    (await import("./flow/resume-flow.ts")).FlowResumeCommand,
    (await import("./flow/change-flow.ts")).FlowRetryCommand,
    (await import("./flow/change-flow.ts")).FlowCancelCommand,
  ],
  grant: async () => [(await import("./commands/grant.ts")).GrantCommand],
  jobs: async () => [(await import("./commands/jobs.ts")).JobsCommand],
  keys: async () => Object.values(await import("./commands/keys.ts")),
  launch: async () => [
    ...Object.values(await import("./commands/launch.ts")),
    (await import("./commands/launch-ssh.ts")).LaunchSshCommand,
  ],
  list: async () => [(await import("./commands/list.ts")).ListCommand],
  logs: async () => [(await import("./commands/logs.ts")).LogsCommand],
  migrate: async () => [(await import("./commands/migrate.ts")).MigrateCommand],
  notify: async () => [(await import("./commands/notify.ts")).NotifyTestCommand],
  pause: async () => [(await import("./commands/control.ts")).PauseCommand],
  pool: async () => [(await import("./commands/pool.ts")).PoolCommand],
  pools: async () => [(await import("./commands/list.ts")).PoolsCommand],
  post: async () => [(await import("./commands/post.ts")).PostCommand],
  "priority-stats": async () => [(await import("./commands/set.ts")).PriorityStatsCommand],
  profile: async () => [(await import("./commands/profile.ts")).ProfileCommand],
  prune: async () => [(await import("./commands/prune.ts")).PruneCommand],
  psql: async () => [(await import("./commands/psql.ts")).PsqlCommand],
  results: async () => [(await import("./commands/results.ts")).ResultsCommand],
  report: async () => [(await import("./commands/report.ts")).ReportCommand],
  resume: async () => [(await import("./commands/control.ts")).ResumeCommand],
  retry: async () => [(await import("./commands/failures.ts")).RetryCommand],
  revoke: async () => [(await import("./commands/grant.ts")).RevokeCommand],
  run: async () => [(await import("./commands/run.ts")).RunCommand],
  schedule: async () => [
    (await import("./schedule/add-schedule.ts")).ScheduleAddCommand,
    ...Object.values(await import("./schedule/show-schedules.ts")),
    (await import("./schedule/show-schedule.ts")).ScheduleShowCommand,
    ...Object.values(await import("./schedule/change-schedule.ts")),
    (await import("./schedule/backfill-schedule.ts")).ScheduleBackfillCommand,
  ],
  usage: async () => [(await import("./commands/usage.ts")).UsageCommand],
  "set-priority": async () => [(await import("./commands/set.ts")).SetPriorityCommand],
  "set-limit": async () => [(await import("./commands/set.ts")).SetLimitCommand],
  "set-posting-status": async () => [(await import("./commands/set.ts")).SetPostingStatusCommand],
  status: async () => [(await import("./commands/status.ts")).StatusCommand],
  top: async () => [(await import("./commands/top.ts")).TopCommand],
  unblock: async () => [(await import("./commands/control.ts")).UnblockCommand],
  up: async () => [(await import("./commands/up.ts")).UpCommand],
  vars: async () => Object.values(await import("./commands/vars.ts")),
  wait: async () => [(await import("./commands/wait.ts")).WaitCommand],
  web: async () => [(await import("./commands/web.ts")).WebCommand],
};

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[], context: ProcessContext): Promise<number> {
  if (["--version", "-V", "version"].includes(args[0] ?? "")) {
    context.stdout.write(`${build}\n`);
    return exitCodes.ok;
  }
  const { dispatch } = await import("./shell/dispatch.ts");
  const runCommand = (next: readonly string[]) => run(next, context);
  return await dispatch(args, { ...context, commands, runCommand });
}
