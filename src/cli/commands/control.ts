import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { cancelPostings, pausePostings, resumePostings } from "../../db/engine/control.ts";
import { drainPools } from "../../db/engine/pools.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findPostingsToChange, readSelectors } from "../input/select.ts";

/** A command that changes the state of postings, and says of each what became of it. */
export abstract class PostingsCommand extends PdoflowCommand {
  postings = Option.Rest({ name: "posting" });
  state = Option.String("--state", {
    description: "those of them in this state: open, paused, errored_out or cancelled",
  });

  /** Returns the postings that were changed. */
  abstract change(db: Db, ids: number[]): Promise<number[]>;
  abstract readonly did: string;
  abstract readonly document: (typeof documents)["pause"]; // all of these have the same

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
      if (this.json) this.printJson(this.document, { postings: now });
      else this.#tell(now);
      return exitCodes.ok;
    });
  }

  #tell(now: readonly { id: number; state: string; isChanged: boolean }[]): void {
    for (const { id, state, isChanged } of now) {
      this.say(
        isChanged ? `posting ${id} was ${this.did}` : `posting ${id} is ${state}: left as it is`,
      );
    }
    if (now.length === 0)
      this.say(`no posting${this.postings.length > 0 ? " of those" : ""} is ${this.state}`);
  }
}

export class PauseCommand extends PostingsCommand {
  static override paths = [["pause"]];
  static override usage = Command.Usage({
    description: "stop postings for now",
    details:
      "No more of their jobs are started, on any pool, until `$0 resume`. What runs goes on.",
    examples: [
      ["Stop two postings", "$0 pause 42 43"],
      ["Stop all that are open", "$0 pause --state open"],
    ],
  });
  reason = Option.String("--reason", { description: "why; shown by status" });
  readonly did = "paused";
  readonly document = documents.pause;

  change(db: Db, ids: number[]) {
    return pausePostings(db, ids, "paused", this.reason ?? "paused by hand");
  }
}

export class ResumeCommand extends PostingsCommand {
  static override paths = [["resume"]];
  static override usage = Command.Usage({
    description: "go on with postings that were paused, or stopped for their failures",
  });
  readonly did = "resumed";
  readonly document = documents.resume;

  change(db: Db, ids: number[]) {
    return resumePostings(db, ids);
  }
}

export class CancelCommand extends PostingsCommand {
  static override paths = [["cancel"]];
  static override usage = Command.Usage({
    description: "cancel postings for good",
    details: `
      What waits is cancelled at once; what runs is killed within two seconds, with SIGTERM and,
      after the posting's grace, SIGKILL. With --keep-running it is left to end.
    `,
  });
  keepRunning = Option.Boolean("--keep-running", false, { description: "let what runs end" });
  reason = Option.String("--reason", { description: "why; kept with the jobs that are killed" });
  yes = Option.Boolean("--yes", false, { description: "cancel several without asking" });
  readonly did = "cancelled";
  readonly document = documents.cancel;

  async change(db: Db, ids: number[]) {
    if (ids.length > 1) await this.confirm(await whatEnds(db, ids), this.yes);
    const reason = this.reason ?? "cancelled by hand";
    return await cancelPostings(db, ids, { killsRunning: !this.keepRunning, reason });
  }
}

/** What cancelling these would hit: "cancel 3 postings with 1,200 jobs that have not ended". */
export async function whatEnds(db: Db, ids: number[]): Promise<string> {
  let jobs = 0;
  for (const { waiting, running, retrying } of await readPostingCounts(db, ids)) {
    jobs += waiting + running + retrying;
  }
  return `cancel ${pluralize(ids.length, "posting")} with ${pluralize(jobs, "unfinished job")}`;
}

/** No pool that is up has that number or host. */
class PoolNotFound extends PdoflowError {
  override readonly name = "PoolNotFound";
  readonly exitCode = exitCodes.notFound;
}

export class DrainCommand extends PdoflowCommand {
  static override paths = [["drain"]];
  static override usage = Command.Usage({
    description: "let pools finish what they run, and end",
    details: `
      They take no more jobs and release at once what they have not started. A pool that does not
      answer for a minute is declared lost, whatever its --heartbeat-timeout, and its jobs are
      released.
    `,
    examples: [
      ["One pool, by its number", "$0 drain 7"],
      ["All pools of a machine", "$0 drain node17"],
    ],
  });
  pools = Option.Rest({ name: "pool or host", required: 1 });

  async run() {
    const isNumber = (text: string) => /^\d+$/.test(text);
    const ids = this.pools.filter(isNumber).map(Number).filter(Number.isSafeInteger);
    const hosts = this.pools.filter((text) => !isNumber(text));
    return await this.withDatabase(async (db) => {
      const told = await drainPools(db, { ids, hosts });
      if (this.json) this.printJson(documents.drain, { pools: told });
      else for (const { id, host } of told) this.say(`pool ${id} on ${host} drains`);
      const missed = this.pools.find(
        (name) => !told.some(({ id, host }) => String(id) === name || host === name),
      );
      if (missed === undefined) return exitCodes.ok;
      throw new PoolNotFound(
        `no pool that is up has the number or host "${missed}". "pdoflow status" lists them.`,
      );
    });
  }
}
