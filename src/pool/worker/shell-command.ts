import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { currentJob } from "../../job/current-job.ts";
import { wordsIn } from "./command-line.ts";

/** A command has ended with another exit code than 0, or was killed. */
export class CommandFailed extends PdoflowError {
  override readonly name = "CommandFailed";
  readonly exitCode = exitCodes.jobsFailed;
  /** How the command ended: its exit code, or the signal that killed it. */
  readonly status: number | null;
  readonly signal: Bun.Subprocess["signalCode"];
  constructor(
    command: string,
    { exitCode, signalCode }: Pick<Bun.Subprocess, "exitCode" | "signalCode">,
  ) {
    const how = signalCode === null ? `exit code ${exitCode}` : `killed by ${signalCode}`;
    super(`${how}: ${command}`);
    this.status = exitCode;
    this.signal = signalCode;
    delete this.stack; // there is nothing of the user's in it
  }
}

/** Where commands run. */
export interface CommandWorker {
  /** The number of the worker. */
  slot: string;
  /** Its environment, for jobs of schedules and traces; null if it runs none. */
  env: NodeJS.ProcessEnv | null;
}

/**
 * The function of jobs that are commands: one word is a line for /bin/sh, several are run directly.
 * The output of a command is the job's output. It is in the process group of its worker, and killed
 * with it. `onEnd` gets the peak of its resident memory, in bytes.
 */
export const commandRunner =
  ({ slot, env }: CommandWorker, onEnd: (peakBytes: number) => void) =>
  (...words: unknown[]): Promise<{ exitCode: number }> =>
    runCommand(wordsIn(words, slot), { env, onEnd });

/** For commands: the schedule that posted the running job, and its time; its trace context. */
function ownVariables(): Record<string, string> | null {
  const { schedule = null, traceparent = null } = currentJob() ?? {};
  if (!schedule && traceparent === null) return null;
  return {
    ...(schedule && {
      PDOFLOW_SCHEDULE: schedule.name,
      PDOFLOW_SCHEDULED_AT: schedule.nominalAt.toISOString(),
    }),
    ...(traceparent === null ? {} : { TRACEPARENT: traceparent }),
  };
}

async function runCommand(
  command: string[],
  { env, onEnd }: Pick<CommandWorker, "env"> & { onEnd: (peakBytes: number) => void },
): Promise<{ exitCode: number }> {
  const isLine = command.length === 1;
  const own = ownVariables();
  const child = Bun.spawn(isLine ? ["/bin/sh", "-c", ...command] : command, {
    ...(env && own ? { env: { ...env, ...own } } : {}),
    stdio: ["ignore", "inherit", "inherit"],
  });
  // The signal is for the whole group, and the command may take time to end.
  const stay = () => {};
  process.on("SIGTERM", stay);
  await child.exited;
  process.off("SIGTERM", stay);
  onEnd(child.resourceUsage()?.maxRSS ?? 0);
  if (child.exitCode !== 0) throw new CommandFailed(command.join(" "), child);
  return { exitCode: 0 };
}
