import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  countPrunable,
  type Prunable,
  prune,
  type Pruned,
  type PruneOptions,
} from "../../db/admin/prune.ts";
import { findVacuumBlockers, type VacuumBlocker } from "../../db/admin/vacuum.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { duration } from "../shell/flag-values.ts";
import { Progress } from "../shell/progress.ts";

const Options = v.object({
  olderThan: v.pipe(v.string("expected --older-than, a duration such as 30d"), duration),
  state: v.pipe(
    v.optional(v.string(), "finished,cancelled"),
    v.transform((text) => text.split(",")),
    v.array(v.picklist(["finished", "cancelled"], "expected finished, cancelled, or both")),
  ),
});

export class PruneCommand extends PdoflowCommand {
  static override paths = [["prune"]];
  static override usage = Command.Usage({
    description: "delete postings that ended long ago, with their jobs and results",
    details: `
      Only postings that have ended are deleted, never one whose \`post --keep\` has not run out. It
      may run at any time, beside pools and other prunes: nobody waits for it. Where it is stopped,
      the next one finishes what it began. The disk gets its space back.
    `,
    examples: [
      ["What ended a month ago, by cron", "$0 prune --older-than 30d --yes"],
      ["Only count", "$0 prune --older-than 12h --state cancelled --dry-run"],
    ],
  });
  olderThan = Option.String("--older-than", {
    description: "how long ago they must have ended, such as 12h or 30d; must be given",
  });
  state = Option.String("--state", {
    description: "how they must have ended; by default finished,cancelled",
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "change nothing, say how much would be deleted",
  });
  yes = Option.Boolean("--yes", false, { description: "delete several without asking" });

  async run() {
    const options = parseFlags(Options, this);
    const wish = { olderThanMs: options.olderThan, states: options.state };
    return await this.withDatabase(async (db) => {
      const most = await countPrunable(db, wish);
      const what = `${pluralize(most.postings, "posting")} with ${pluralize(most.jobs, "job")}`;
      if (this.dryRun) {
        if (this.json) this.#print({ ...most, isDryRun: true });
        else this.say(`would delete ${what}`);
        return exitCodes.ok;
      }
      if (most.postings > 1) await this.confirm(`delete ${what} for good`, this.yes);
      const pruned = await this.#prune(db, wish);
      const hints = (await findVacuumBlockers(db)).map(hint);
      if (this.json) this.#print({ ...pruned, isDryRun: false, hints });
      else this.#tell(pruned, hints);
      return exitCodes.ok;
    });
  }

  async #prune(db: Db, wish: PruneOptions): Promise<Pruned> {
    const progress = new Progress(this, "prune");
    return await prune(db, wish, (doing, jobs) =>
      progress.show(`${doing}, ${pluralize(jobs, "job")}`),
    ).finally(() => progress.end());
  }

  #print(told: Prunable & Partial<Pruned> & { isDryRun: boolean; hints?: string[] }): void {
    const { isDryRun, postings, jobs, bytes = null, busy = null, hints = [] } = told;
    const numbers = { postings, jobs, freedBytes: bytes, busyParts: busy };
    this.printJson(documents.prune, { isDryRun, ...numbers, hints });
  }

  #tell({ postings, jobs, bytes, busy }: Pruned, hints: readonly string[]): void {
    this.say(
      `deleted ${pluralize(postings, "posting")} with ${pluralize(jobs, "job")}; ` +
        `the tables are ${size(bytes)} smaller`,
    );
    if (busy > 0) {
      this.say(
        `${pluralize(busy, "part")} of the tables could not be emptied, because they were in use ` +
          "all the time. Nothing is wrong with them: the next prune does it.",
      );
    }
    for (const one of hints) this.say(one);
  }
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3).toLocaleString("en")} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** What keeps deleted rows on the disk, and how to end that. */
function hint({ kind, name, who, ageMs }: VacuumBlocker): string {
  const since = ageMs === null ? "" : `, open for ${(ageMs / 3_600_000).toFixed(1)} hours`;
  const remedy = {
    session: `select pg_terminate_backend(${name})`,
    "prepared transaction": `commit prepared or rollback prepared '${name}'`,
    "replication slot": `drop the slot if nobody reads it: pg_drop_replication_slot('${name}')`,
  }[kind];
  return (
    `hint: ${kind} ${name} (${who}${since}) sees the database as it was then, so no space of ` +
    `what was deleted since can be used again. End it, or: ${remedy}`
  );
}
