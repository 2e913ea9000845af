import { exitCodes } from "../domain/errors.ts";
import { build } from "../version.ts";
import type { Commands, ProcessContext } from "./context.ts";

/** The commands, each loaded only when it is asked for: a status line should not load a pool. */
export const commands: Commands = {
  cancel: async () => [(await import("./control.ts")).CancelCommand],
  completions: async () => [
    (await import("./completions.ts")).CompletionsCommand,
    (await import("./complete-postings.ts")).CompletePostingsCommand,
  ],
  config: async () => [(await import("./config.ts")).ConfigCommand],
  demo: async () => [(await import("./demo.ts")).DemoCommand],
  depth: async () => [(await import("./list.ts")).DepthCommand],
  doctor: async () => [(await import("./doctor.ts")).DoctorCommand],
  down: async () => [(await import("./up.ts")).DownCommand],
  drain: async () => [(await import("./control.ts")).DrainCommand],
  "execute-job": async () => [(await import("./execute-job.ts")).ExecuteJobCommand],
  explain: async () => [(await import("./explain.ts")).ExplainCommand],
  failures: async () => [(await import("./failures.ts")).FailuresCommand],
  grant: async () => [(await import("./grant.ts")).GrantCommand],
  jobs: async () => [(await import("./jobs.ts")).JobsCommand],
  keys: async () => Object.values(await import("./keys.ts")),
  list: async () => [(await import("./list.ts")).ListCommand],
  logs: async () => [(await import("./logs.ts")).LogsCommand],
  migrate: async () => [(await import("./migrate.ts")).MigrateCommand],
  pause: async () => [(await import("./control.ts")).PauseCommand],
  pool: async () => [(await import("./pool.ts")).PoolCommand],
  pools: async () => [(await import("./list.ts")).PoolsCommand],
  post: async () => [(await import("./post.ts")).PostCommand],
  "priority-stats": async () => [(await import("./set.ts")).PriorityStatsCommand],
  profile: async () => [(await import("./profile.ts")).ProfileCommand],
  prune: async () => [(await import("./prune.ts")).PruneCommand],
  results: async () => [(await import("./results.ts")).ResultsCommand],
  resume: async () => [(await import("./control.ts")).ResumeCommand],
  retry: async () => [(await import("./failures.ts")).RetryCommand],
  revoke: async () => [(await import("./grant.ts")).RevokeCommand],
  run: async () => [(await import("./run-command.ts")).RunCommand],
  "set-priority": async () => [(await import("./set.ts")).SetPriorityCommand],
  "set-limit": async () => [(await import("./set.ts")).SetLimitCommand],
  "set-posting-status": async () => [(await import("./set.ts")).SetPostingStatusCommand],
  status: async () => [(await import("./status.ts")).StatusCommand],
  top: async () => [(await import("./top.ts")).TopCommand],
  up: async () => [(await import("./up.ts")).UpCommand],
  vars: async () => Object.values(await import("./vars.ts")),
  wait: async () => [(await import("./wait.ts")).WaitCommand],
};

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[], context: ProcessContext): Promise<number> {
  if (args[0] === "--version") {
    context.stdout.write(`${build}\n`);
    return exitCodes.ok;
  }
  const { dispatch } = await import("./dispatch.ts");
  const runCommand = (next: readonly string[]) => run(next, context);
  return await dispatch(args, { ...context, commands, runCommand });
}
