import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../db/connect.ts";
import { cancelPostings, holdPostings, resumePostings } from "../db/control.ts";
import { drainPools } from "../db/pools.ts";
import { findPostings } from "../db/snapshot.ts";
import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { PdoflowCommand } from "./command.ts";
import { wholeNumber } from "./numbers.ts";
import { PostingNotFound } from "./status.ts";

const Ids = v.array(wholeNumber(1, Number.MAX_SAFE_INTEGER));

/** A command that changes the state of postings, and says of each what became of it. */
abstract class PostingsCommand extends PdoflowCommand {
  postings = Option.Rest({ name: "posting", required: 1 });

  /** Returns the postings that were changed. */
  abstract change(db: Db, ids: number[]): Promise<number[]>;
  abstract readonly did: string;

  async run() {
    const ids = parse(Ids, this.postings, "postings");
    return await this.withDatabase(async (db) => {
      const known = new Set((await findPostings(db, ids)).map(({ id }) => id));
      const unknown = ids.find((id) => !known.has(id));
      if (unknown !== undefined) throw new PostingNotFound(unknown);
      const changed = new Set(await this.change(db, ids));
      const now = await findPostings(db, ids);
      for (const { id, state } of now) {
        this.say(
          changed.has(id)
            ? `posting ${id} was ${this.did}`
            : `posting ${id} is ${state}: left as it is`,
        );
      }
      return exitCodes.ok;
    });
  }
}

export class PauseCommand extends PostingsCommand {
  static override paths = [["pause"]];
  static override usage = Command.Usage({
    description: "stop postings for now",
    details:
      "No more of their jobs are started, on any pool, until `$0 resume`. What runs goes on.",
    examples: [["Stop two postings", "$0 pause 42 43"]],
  });
  reason = Option.String("--reason", { description: "why; shown by status" });
  readonly did = "paused";

  change(db: Db, ids: number[]) {
    return holdPostings(db, ids, "paused", this.reason ?? "paused by hand");
  }
}

export class ResumeCommand extends PostingsCommand {
  static override paths = [["resume"]];
  static override usage = Command.Usage({
    description: "go on with postings that were paused, or stopped for their failures",
  });
  readonly did = "resumed";

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
  readonly did = "cancelled";

  change(db: Db, ids: number[]) {
    const reason = this.reason ?? "cancelled by hand";
    return cancelPostings(db, ids, { killsRunning: !this.keepRunning, reason });
  }
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
    details: "They take no more jobs and give back at once what they have not started.",
    examples: [
      ["One pool, by its number", "$0 drain 7"],
      ["All pools of a machine", "$0 drain node17"],
    ],
  });
  pools = Option.Rest({ name: "pool or host", required: 1 });

  async run() {
    const isNumber = (text: string) => /^\d+$/.test(text);
    const ids = this.pools.filter(isNumber).map(Number);
    const hosts = this.pools.filter((text) => !isNumber(text));
    return await this.withDatabase(async (db) => {
      const told = await drainPools(db, { ids, hosts });
      for (const { id, host } of told) this.say(`pool ${id} on ${host} drains`);
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
