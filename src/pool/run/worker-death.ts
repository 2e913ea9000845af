import type { JobError } from "../../domain/attempt.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";
import { jobAt, type JobRun, type LeasedJob } from "../wire/leased-job.ts";
import type { OomKills } from "./oom-kills.ts";
import { workerDied } from "./runner.ts";
import { outOfMemory } from "./out-of-memory.ts";

/** How a worker's process has ended. */
export interface WorkerDeath {
  pid: number;
  code: number | null;
  signal: string | number | null;
  /** Whether it was ready for jobs. */
  isReady: boolean;
  /** Its last message, if it sent one. */
  lastWords: string | null;
  /** Whether the kernel has killed because memory ran out; null if we have killed it. */
  oomKill: ReturnType<OomKills["explain"]>;
  /** The memory that its job had taken, if it was killed because it needed more; else null. */
  exceeded: number | null;
}

/** The reason of its end, as an error for the job that it ran. */
export function workerDeath(death: WorkerDeath): JobError {
  const { pid, code, signal, lastWords, oomKill, exceeded } = death;
  if (exceeded !== null) return outOfMemory(null, exceeded);
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
  return { name: workerDied, message: `worker ${pid} ${how} ${when}${said}` };
}

/** After N crashes between two jobs, a job that came next each time counts as the cause. */
const crashesMax = 3;
const suspectsKept = 1_000;

/**
 * Crashes of workers that reported no running job. Usually no job caused such a crash. But if the
 * same job came next each time, it may have overwritten the shared page to hide that it ran, and
 * would be retried forever.
 */
export class CrashAttribution {
  /** By lease, posting, attempt and seq of the job that came next, the latest last. */
  readonly #crashes = new Map<string, number>();

  /** The first job of the worker's runs, if it has caused one crash too many; or null. */
  attributeCrash(first: JobRun | undefined): LeasedJob | null {
    if (!first) return null;
    const { leaseId, posting, attempt, firstSeq } = first;
    const name = `${leaseId} ${posting.id} ${attempt} ${firstSeq}`;
    const crashes = (this.#crashes.get(name) ?? 0) + 1;
    this.#crashes.delete(name);
    if (crashes === crashesMax) return jobAt(first, 0);
    this.#crashes.set(name, crashes);
    dropOldest(this.#crashes, suspectsKept);
    return null;
  }
}
