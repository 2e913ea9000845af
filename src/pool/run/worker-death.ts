import type { JobError } from "../../domain/attempt.ts";
import type { OomKills } from "./oom-kills.ts";

/** How a worker's process has ended. */
export interface WorkerDeath {
  pid: number;
  code: number | null;
  signal: string | number | null;
  /** Whether it was ready for jobs. */
  isReady: boolean;
  /** Its last message, if it sent one. */
  lastWords: string | null;
  /** Whether the kernel has killed for memory; null where we have killed it. */
  oomKill: ReturnType<OomKills["explain"]>;
}

/** Why it has ended, as an error for the job that it ran. */
export function workerDeath(death: WorkerDeath): JobError {
  const { pid, code, signal, lastWords, oomKill } = death;
  const when = death.isReady ? "while it ran this job" : "before it was ready";
  if (oomKill !== null) {
    const surely = oomKill === "certain" ? "" : "probably ";
    return {
      name: "OutOfMemory",
      message:
        `worker ${pid} was killed by the system ${when}, ${surely}out of memory. ` +
        "Allow more memory, or fewer workers.",
    };
  }
  const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
  const said = lastWords === null ? "" : `: ${lastWords}`;
  return { name: "WorkerDied", message: `worker ${pid} ${how} ${when}${said}` };
}
