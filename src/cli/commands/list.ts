import { Command, Option } from "clipanion";
import * as v from "valibot";

import { countEnded, listPools, listPostings, readDepth } from "../../db/read/lists.ts";
import { readCounts } from "../../db/read/status.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { jobStatuses, noJobs, poolCells, poolHeader, stateColor } from "./status.ts";

const Options = v.object({
  limit: v.optional(wholeNumber(1, 10_000), "50"),
  before: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  state: v.optional(
    v.picklist(
      ["open", "paused", "errored_out", "cancelled", "finished"],
      "expected open, paused, errored_out, cancelled or finished",
    ),
  ),
});

export class ListCommand extends PdoflowCommand {
  static override paths = [["list"]];
  static override usage = Command.Usage({
    description: "list the postings that have not ended, the newest first",
    details: "Those that have ended are hidden, and it says how many; with --all they are shown.",
    examples: [
      ["All that people wait for", "$0 list"],
      ["What was stopped for its failures", "$0 list --state errored_out"],
    ],
  });
  all = Option.Boolean("--all", false, { description: "also those that have ended" });
  state = Option.String("--state", {
    description: "only those that are open, paused, errored_out, cancelled or finished",
  });
  limit = Option.String("--limit", { description: "how many at most; by default 50" });
  before = Option.String("--before", {
    description: "only those with a smaller number: to go on where a list ended",
  });

  async run() {
    const { limit, before = Number.MAX_SAFE_INTEGER, state = null } = parseFlags(Options, this);
    const isAll = this.all || state === "finished";
    return await this.withDatabase(async (db) => {
      const rows = await listPostings(db, { isAll, state, before, most: limit + 1 });
      const hasMore = rows.length > limit;
      const shown = rows.slice(0, limit);
      const counts = await readCounts(
        db,
        shown.map(({ id }) => id),
      );
      const postings = shown.map((row) => ({ ...row, jobs: counts.get(row.id) ?? noJobs }));
      const hidden = isAll ? { ended: 0, of: 0 } : await countEnded(db);
      if (this.json) {
        this.printJson(documents.list, { postings, hasMore, hidden: hidden.ended });
        return exitCodes.ok;
      }
      this.printTable(
        ["posting", "name", "entry point", "state", "jobs", ...jobStatuses],
        postings.map(({ id, name, entryPoint, state, jobCount, jobs }) => [
          ...[String(id), name ?? "", entryPoint, state, jobCount],
          ...jobStatuses.map((status) => jobs[status]),
        ]),
        stateColor,
      );
      const last = postings.at(-1);
      if (hasMore && last) this.say(`there are more: pdoflow list --before ${last.id}`);
      if (hidden.ended > 0) {
        const of = hidden.of < 1000 ? "" : " of the newest 1,000";
        this.say(`${pluralize(hidden.ended, "posting")}${of} that ended: pdoflow list --all`);
      }
      return exitCodes.ok;
    });
  }
}

export class PoolsCommand extends PdoflowCommand {
  static override paths = [["pools"]];
  static override usage = Command.Usage({
    description: "list the pools that run, the newest first",
    details: "With --all also those that were stopped or lost, the newest 100.",
  });
  all = Option.Boolean("--all", false, { description: "also those that have ended" });

  async run() {
    return await this.withDatabase(async (db) => {
      const most = this.all ? 100 : 10_000;
      const rows = await listPools(db, this.all, most + 1);
      const [pools, hasMore] = [rows.slice(0, most), rows.length > most];
      if (this.json) this.printJson(documents.pools, { pools, hasMore });
      else this.printTable(poolHeader, pools.map(poolCells), stateColor);
      if (hasMore && !this.json) this.say(`these are the newest ${most}; there were more`);
      if (rows.length === 0 && !this.json) this.say("no pools; start one with: pdoflow pool");
      return exitCodes.ok;
    });
  }
}

export class DepthCommand extends PdoflowCommand {
  static override paths = [["depth"]];
  static override usage = Command.Usage({
    description: "print how many jobs there are for pools to do: one number",
    details: `
      Counts the jobs of open postings that have not ended: those that wait, and those that run, so
      that who scales pools by it does not stop those that are busy. Not those of postings that are
      paused or stopped.
    `,
  });

  async run() {
    return await this.withDatabase(async (db) => {
      const jobs = await readDepth(db);
      if (this.json) this.printJson(documents.depth, { jobs });
      else this.print(String(jobs));
      return exitCodes.ok;
    });
  }
}
