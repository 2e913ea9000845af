import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../db/connect.ts";
import { describeTarget } from "../db/settings.ts";
import {
  findPostings,
  type PoolRow,
  type PostingRow,
  readPools,
  readPostings,
} from "../db/snapshot.ts";
import { readCounts } from "../db/status.ts";
import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import type { JobCounts } from "../domain/posting.ts";
import { PdoflowCommand } from "./command.ts";
import { wholeNumber } from "./numbers.ts";
import { table } from "./table.ts";

const Options = v.object({ posting: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)) });
const mostPostings = 20;

/** A posting was named that does not exist. */
export class PostingNotFound extends PdoflowError {
  override readonly name = "PostingNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(id: number) {
    super(`there is no posting ${id}. "pdoflow status" lists those that there are.`);
  }
}

export class StatusCommand extends PdoflowCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    description: "show postings, their jobs by status, and pools",
    details: `
      Without a number: what has not ended, then the newest of what has, ${mostPostings} at most.

      waiting: to be claimed; running: claimed by a pool; retrying: failed, and waiting for another
      attempt; done, failed, cancelled: ended.
    `,
    examples: [
      ["All of it", "$0 status"],
      ["One posting, for a script", "$0 status 42 --json"],
    ],
  });
  posting = Option.String({ name: "posting", required: false });
  json = Option.Boolean("--json", false, { description: "print JSON" });

  async run() {
    const { posting } = parse(Options, this, "options of status");
    return await this.withDatabase(async (db) => {
      const postings =
        posting === undefined
          ? await readPostings(db, mostPostings)
          : await findPostings(db, [posting]);
      if (posting !== undefined && postings.length === 0) throw new PostingNotFound(posting);
      const counts = await readCounts(
        db,
        postings.map(({ id }) => id),
      );
      const pools = posting === undefined ? await readPools(db) : [];
      const counted = postings.map((row) => ({ ...row, jobs: counts.get(row.id) ?? noJobs }));
      if (this.json) this.print(JSON.stringify(this.#json(db, counted, pools)));
      else this.#show(db, counted, pools, posting !== undefined);
      return exitCodes.ok;
    });
  }

  #json(db: Db, postings: (PostingRow & { jobs: JobCounts })[], pools: readonly PoolRow[]) {
    const { host, port, database, user, schema, source } = db.target;
    return { database: { host, port, database, user, schema, source }, postings, pools };
  }

  #show(
    db: Db,
    postings: (PostingRow & { jobs: JobCounts })[],
    pools: readonly PoolRow[],
    isOne: boolean,
  ): void {
    this.say(describeTarget(db.target));
    if (postings.length === 0) {
      this.print("no postings yet; post one with: pdoflow post fn.ts#name args.json");
    } else {
      this.print(
        table(
          ["posting", "entry point", "state", "jobs", ...jobStatuses],
          postings.map(({ id, entryPoint, state, jobCount, jobs }) => [
            String(id),
            entryPoint,
            state,
            jobCount,
            ...jobStatuses.map((status) => jobs[status]),
          ]),
        ),
      );
    }
    if (isOne) return;
    this.print("");
    if (pools.length === 0) this.print("no pools; start one with: pdoflow pool");
    else this.#showPools(pools);
  }

  #showPools(pools: readonly PoolRow[]): void {
    this.print(
      table(
        ["pool", "host", "pid", "workers", "state", "last beat", "refused"],
        pools.map((pool) => [
          String(pool.id),
          pool.host,
          String(pool.pid),
          pool.slots,
          pool.state,
          `${(pool.beatAgoMs / 1000).toFixed(1)} s ago`,
          pool.refused,
        ]),
      ),
    );
  }
}

const jobStatuses = [
  "waiting",
  "running",
  "retrying",
  "done",
  "failed",
  "cancelled",
] as const satisfies readonly (keyof JobCounts)[];

const noJobs: JobCounts = {
  waiting: 0,
  running: 0,
  retrying: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
};
