import type { Db } from "../../db/connection/connect.ts";
import { type BusyPool, type PostingOfRun, readPoolsOf, readRun } from "../../db/read/runs.ts";
import { exitCodes, hasCode, PdoflowError } from "../../domain/errors.ts";

/** The posting is of no run: pools run it. */
class NotARun extends PdoflowError {
  override readonly name = "NotARun";
  readonly exitCode = exitCodes.usage;
  constructor(id: number) {
    super(
      `posting ${id} was posted for pools, not by pdoflow run. ` +
        `Run its jobs with: pdoflow pool --posting ${id} --once`,
    );
  }
}

/** Another role has posted it: the commands would run as the user who resumes it. */
class NotYourRun extends PdoflowError {
  override readonly name = "NotYourRun";
  readonly exitCode = exitCodes.usage;
  constructor({ id, poster }: PostingOfRun) {
    super(
      `posting ${id} is of a run of the role ${poster}, and only that role can resume it. ` +
        `Connect as ${poster}.`,
    );
  }
}

/** Another process runs the postings. */
class RunIsAlive extends PdoflowError {
  override readonly name = "RunIsAlive";
  readonly exitCode = exitCodes.usage;
  constructor(id: number, { host, pid }: BusyPool) {
    super(
      `posting ${id} is being run by the process ${pid} on ${host}. ` +
        "Wait until that has ended, or end it.",
    );
  }
}

/** Its jobs can never run. */
class RunIsCancelled extends PdoflowError {
  override readonly name = "RunIsCancelled";
  readonly exitCode = exitCodes.usage;
  constructor(id: number) {
    super(`posting ${id} is cancelled, so its jobs cannot be run.`);
  }
}

/**
 * The unfinished postings of the run that posted this posting.
 *
 * @throws {NotARun} {NotYourRun} {RunIsCancelled} {RunIsAlive}
 */
export async function findResumable(
  db: Db,
  id: number,
  self: { host: string },
): Promise<PostingOfRun[]> {
  const postings = await readRun(db, id);
  const wanted = postings.find((posting) => posting.id === id);
  if (!wanted) throw new NotARun(id);
  if (!wanted.isOwn) throw new NotYourRun(wanted);
  const unfinished = postings.filter(({ isEnded }) => !isEnded);
  if (unfinished.length === 0 && wanted.state === "cancelled") throw new RunIsCancelled(id);
  const ids = postings.map((posting) => posting.id);
  const pools = await readPoolsOf(db, ids);
  const alive = pools.find(({ host, pid }) => host !== self.host || isRunning(pid));
  if (alive) throw new RunIsAlive(id, alive);
  return unfinished;
}

/** Whether a process of this machine exists. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}
