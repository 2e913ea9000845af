import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import {
  cancelPostings,
  pausePostings,
  resumePostings,
  setLimits,
  unblockPostings,
} from "../../db/engine/control.ts";
import { findOfRuns } from "../../db/engine/routes.ts";
import { drainPools } from "../../db/engine/pools.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { liveStates, orList } from "../../domain/states.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { changeFlags, parseLimits } from "../input/limit-flags.ts";
import { findPostingsToChange, noneNamed, readSelectors } from "../input/select.ts";

/** A command that changes the state of postings and reports each one's new state. */
export abstract class PostingsCommand extends PdoflowCommand {
  postings = Option.Rest({ name: "posting" });
  state = Option.String("--state", {
    description: `only postings in this state: ${orList(liveStates)}`,
  });

  /** Returns the postings that were changed. */
  abstract change(db: Db, ids: number[]): Promise<number[]>;
  abstract readonly did: string;
  abstract readonly schema: (typeof outputSchemas)["pause"]; // the same for all of these commands

  async run() {
    const words = this.postings;
    const named = { words, selectors: await readSelectors(words, this.context.stdin) };
    return await this.withDatabase(async (db) => {
      const ids = await findPostingsToChange(db, named, this.state);
      const changed = new Set(await this.change(db, ids));
      const now = (await findPostings(db, ids)).map(({ id, state }) => ({
        id,
        state,
        isChanged: changed.has(id),
      }));
      if (this.json) this.printJson(this.schema, { postings: now });
      else this.#report(now);
      return exitCodes.ok;
    });
  }

  #report(now: readonly { id: number; state: string; isChanged: boolean }[]): void {
    for (const { id, state, isChanged } of now) {
      this.say(
        isChanged ? `posting ${id} was ${this.did}` : `posting ${id} is ${state}: not changed`,
      );
    }
    if (now.length > 0) return;
    this.say(
      this.state === undefined
        ? noneNamed
        : `none of ${this.postings.length > 0 ? "these" : "the"} postings is ${this.state}`,
    );
  }
}

export class PauseCommand extends PostingsCommand {
  static override paths = [["pause"]];
  static override usage = Command.Usage({
    description: "pause postings",
    details: "Pools start no more of their jobs until `$0 resume`. Running jobs continue.",
    examples: [
      ["Pause two postings", "$0 pause 42 43"],
      ["Pause all open postings", "$0 pause --state open"],
    ],
  });
  reason = Option.String("--reason", { description: "the reason, shown by status" });
  readonly did = "paused";
  readonly schema = outputSchemas.pause;

  change(db: Db, ids: number[]) {
    return pausePostings(db, ids, "paused", this.reason ?? "paused by hand");
  }
}

export class ResumeCommand extends PostingsCommand {
  static override paths = [["resume"]];
  static override usage = Command.Usage({
    description: "resume postings that were paused, or stopped because of failures",
    details: `
      The options change the posting first; options that you do not give stay. After a stop because
      of \`--stop-after\`, a resumed posting stops again if as many jobs fail and none is done.
    `,
    examples: [
      ["Resume a posting after fixing its code", "$0 resume 42"],
      ["Go on although jobs fail", "$0 resume 42 --stop-after 0"],
    ],
  });
  readonly did = "resumed";
  readonly schema = outputSchemas.resume;

  constructor() {
    super();
    Object.assign(this, changeFlags());
  }

  async change(db: Db, ids: number[]) {
    const limits = parseLimits(this);
    if (limits !== null) await setLimits(db, ids, limits);
    for (const id of await findOfRuns(db, ids)) {
      this.say(`posting ${id} is of a run; run its jobs with: pdoflow run --resume ${id}`);
    }
    return await resumePostings(db, ids);
  }
}

export class UnblockCommand extends PostingsCommand {
  static override paths = [["unblock"]];
  static override usage = Command.Usage({
    description: "let postings run without the postings that they wait for",
    details: `
      Use it if a posting is blocked and its cause cannot be repaired. If failed jobs are the cause,
      \`$0 retry\` repairs it, and the posting runs by itself. \`$0 status\` shows who has unblocked
      a posting, and when.
    `,
    examples: [
      ["Run a posting although a posting before it has failed", "$0 unblock 42"],
      ["Run all blocked postings", "$0 unblock --state blocked"],
    ],
  });
  readonly did = "unblocked";
  readonly schema = outputSchemas.unblock;

  change(db: Db, ids: number[]) {
    return unblockPostings(db, ids);
  }
}

export class CancelCommand extends PostingsCommand {
  static override paths = [["cancel"]];
  static override usage = Command.Usage({
    description: "cancel postings permanently",
    details: `
      Waiting jobs are cancelled at once. Running jobs are killed within two seconds, with SIGTERM
      and, after the posting's grace period, SIGKILL. With --keep-running they run to their end.
    `,
  });
  keepRunning = Option.Boolean("--keep-running", false, { description: "let running jobs finish" });
  reason = Option.String("--reason", { description: "the reason, recorded with killed jobs" });
  yes = Option.Boolean("--yes", false, {
    description: "cancel several postings without asking for confirmation",
  });
  readonly did = "cancelled";
  readonly schema = outputSchemas.cancel;

  async change(db: Db, ids: number[]) {
    if (ids.length > 1) await this.confirm(await describeCancel(db, ids), this.yes);
    const reason = this.reason ?? "cancelled by hand";
    return await cancelPostings(db, ids, { killsRunning: !this.keepRunning, reason });
  }
}

/** As in "cancel 3 postings with 1,200 unfinished jobs". */
export async function describeCancel(db: Db, ids: number[]): Promise<string> {
  let jobs = 0;
  for (const { waiting, running, retrying } of await readPostingCounts(db, ids)) {
    jobs += waiting + running + retrying;
  }
  return `cancel ${pluralize(ids.length, "posting")} with ${pluralize(jobs, "unfinished job")}`;
}

/** No live pool has that number or host. */
class PoolNotFound extends PdoflowError {
  override readonly name = "PoolNotFound";
  readonly exitCode = exitCodes.notFound;
}

export class DrainCommand extends PdoflowCommand {
  static override paths = [["drain"]];
  static override usage = Command.Usage({
    description: "let pools finish their running jobs and exit",
    details: `
      A draining pool claims no more jobs and releases the jobs it has not started. If it does not
      respond within a minute, it is declared lost, regardless of its --heartbeat-timeout, and its
      jobs are released.
    `,
    examples: [
      ["Drain one pool by its number", "$0 drain 7"],
      ["Drain all pools on a machine", "$0 drain node17"],
    ],
  });
  pools = Option.Rest({ name: "pool or host", required: 1 });

  async run() {
    const isNumber = (text: string) => /^\d+$/.test(text);
    const ids = this.pools.filter(isNumber).map(Number).filter(Number.isSafeInteger);
    const hosts = this.pools.filter((text) => !isNumber(text));
    return await this.withDatabase(async (db) => {
      const drained = await drainPools(db, { ids, hosts });
      if (this.json) this.printJson(outputSchemas.drain, { pools: drained });
      else for (const { id, host } of drained) this.say(`pool ${id} on ${host} is draining`);
      const missed = this.pools.find(
        (name) => !drained.some(({ id, host }) => String(id) === name || host === name),
      );
      if (missed === undefined) return exitCodes.ok;
      throw new PoolNotFound(
        `expected the number or host of a live pool, found "${missed}". List pools with: ` +
          "pdoflow pools",
      );
    });
  }
}
