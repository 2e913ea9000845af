import { Command, Option } from "clipanion";
import * as v from "valibot";

import { countEnded, listPools, listPostings } from "../../db/read/lists.ts";
import { readEdges } from "../../db/read/edges.ts";
import { readCounts } from "../../db/read/status.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { exitCodes } from "../../domain/errors.ts";
import { jobStatuses, noJobs, orList, shownState, shownStates } from "../../domain/states.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { poolCells, poolHeader, stateColor } from "./status.ts";

const Options = v.object({
  limit: v.optional(wholeNumber(1, 10_000), "50"),
  before: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  state: v.optional(v.picklist(shownStates, `expected ${orList(shownStates)}`)),
});

export class ListCommand extends PdoflowCommand {
  static override paths = [["list"]];
  static override usage = Command.Usage({
    description: "list unfinished postings, newest first",
    details: `
      Finished and cancelled postings are counted, and listed only with --all. Waiting postings, and
      blocked ones, wait for other postings (\`post --after\`).
    `,
    examples: [
      ["List unfinished postings", "$0 list"],
      ["List postings that were stopped because of failures", "$0 list --state errored_out"],
      ["List postings that wait for a posting with failed jobs", "$0 list --state blocked"],
    ],
  });
  all = Option.Boolean("--all", false, { description: "include finished and cancelled postings" });
  state = Option.String("--state", {
    description: `only postings that are ${orList(shownStates)}`,
  });
  limit = Option.String("--limit", { description: "list at most N postings (default: 50)" });
  before = Option.String("--before", {
    description: "only postings with a number below N, to continue a previous list",
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
      const edges = await readEdges(
        db,
        shown.map(({ id }) => id),
      );
      const postings = shown.map((row) => ({
        ...row,
        jobs: counts.get(row.id) ?? noJobs,
        waitsFor: waitsFor(edges.get(row.id)),
      }));
      const hidden = isAll ? { ended: 0, of: 0 } : await countEnded(db);
      if (this.json) {
        this.printJson(outputSchemas.list, { postings, hasMore, hidden: hidden.ended });
        return exitCodes.ok;
      }
      this.printTable(
        ["posting", "name", "entry point", "state", "jobs", ...jobStatuses],
        postings.map(({ id, name, entryPoint, command, jobCount, jobs, ...posting }) => [
          ...[String(id), name ?? "", command ?? entryPoint, shownState(posting), jobCount],
          ...jobStatuses.map((status) => jobs[status]),
        ]),
        stateColor,
      );
      const last = postings.at(-1);
      if (hasMore && last) this.say(`more postings: pdoflow list --before ${last.id}`);
      if (hidden.ended > 0) {
        const of = hidden.of < 1000 ? "" : " of the newest 1,000";
        this.say(`not shown: ${pluralize(hidden.ended, "ended posting")}${of}: pdoflow list --all`);
      }
      return exitCodes.ok;
    });
  }
}

export class PoolsCommand extends PdoflowCommand {
  static override paths = [["pools"]];
  static override usage = Command.Usage({
    description: "list live pools, newest first",
  });
  all = Option.Boolean("--all", false, {
    description: "include stopped and lost pools, 100 pools at most",
  });

  async run() {
    return await this.withDatabase(async (db) => {
      const limit = this.all ? 100 : 10_000;
      const rows = await listPools(db, this.all, limit + 1);
      const [pools, hasMore] = [rows.slice(0, limit), rows.length > limit];
      if (this.json) this.printJson(outputSchemas.pools, { pools, hasMore });
      else {
        const cells = pools.map((pool) => [...poolCells(pool), pool.version]);
        this.printTable([...poolHeader, "version"], cells, stateColor);
      }
      if (hasMore && !this.json) this.say(`only the newest ${limit} pools are listed`);
      if (rows.length === 0 && !this.json) this.say("no pools; start one with: pdoflow pool");
      return exitCodes.ok;
    });
  }
}
