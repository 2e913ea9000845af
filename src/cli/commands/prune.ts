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
import { outputSchemas } from "../output/output-schemas.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { pluralize } from "../output/pluralize.ts";
import { sizeText } from "../output/size-text.ts";
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
      Deletes only ended postings, and none whose \`post --keep\` time has not passed. It can run at
      any time, next to pools and other prunes, without blocking them. If it is interrupted, the
      next prune continues. The disk space is returned to the system.
    `,
    examples: [
      ["Delete postings that ended a month ago, from cron", "$0 prune --older-than 30d --yes"],
      ["Count only", "$0 prune --older-than 12h --state cancelled --dry-run"],
    ],
  });
  olderThan = Option.String("--older-than", {
    description: "only postings that ended at least this long ago, such as 12h or 30d (required)",
  });
  state = Option.String("--state", {
    description: "only postings in these states (default: finished,cancelled)",
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "only print how much would be deleted",
  });
  yes = Option.Boolean("--yes", false, {
    description: "delete several postings without asking for confirmation",
  });

  filter(): PruneOptions {
    const { olderThan, state } = parseFlags(Options, this);
    return { olderThanMs: olderThan, states: state };
  }

  async run(): Promise<ExitCode> {
    const filter = this.filter();
    return await this.withDatabase(async (db) => {
      const found = await countPrunable(db, filter);
      const what = `${pluralize(found.postings, "posting")} with ${pluralize(found.jobs, "job")}`;
      if (this.dryRun) {
        if (this.json) this.#printJson({ ...found, isDryRun: true });
        else this.say(`would delete ${what}`);
        return exitCodes.ok;
      }
      if (found.postings > 1) await this.confirm(`delete ${what} permanently`, this.yes);
      const pruned = await this.#prune(db, filter);
      const hints = (await findVacuumBlockers(db)).map(hint);
      if (this.json) this.#printJson({ ...pruned, isDryRun: false, hints });
      else this.#report(pruned, hints);
      return exitCodes.ok;
    });
  }

  async #prune(db: Db, filter: PruneOptions): Promise<Pruned> {
    const progress = new Progress(this, "prune");
    return await prune(db, filter, (doing, jobs) =>
      progress.show(`${doing}, ${pluralize(jobs, "job")}`),
    ).finally(() => progress.end());
  }

  #printJson(found: Prunable & Partial<Pruned> & { isDryRun: boolean; hints?: string[] }): void {
    const { isDryRun, postings, jobs, bytes = null, busy = null, hints = [] } = found;
    const totals = { postings, jobs, freedBytes: bytes, busyParts: busy };
    this.printJson(outputSchemas.prune, { isDryRun, ...totals, hints });
  }

  #report({ postings, jobs, bytes, busy }: Pruned, hints: readonly string[]): void {
    this.say(
      `deleted ${pluralize(postings, "posting")} with ${pluralize(jobs, "job")}; ` +
        `the tables are ${sizeText(bytes)} smaller`,
    );
    if (busy > 0) {
      this.say(
        `${pluralize(busy, "part")} of the tables could not be emptied because they were in use; ` +
          "the next prune empties them.",
      );
    }
    for (const one of hints) this.say(one);
  }
}

/** A transaction that keeps deleted rows on the disk, with a remedy. */
function hint({ kind, name, who, ageMs }: VacuumBlocker): string {
  const since = ageMs === null ? "" : `, open for ${(ageMs / 3_600_000).toFixed(1)} hours`;
  const remedy = {
    session: `select pg_terminate_backend(${name})`,
    "prepared transaction": `commit prepared or rollback prepared '${name}'`,
    "replication slot": `if it is unused, select pg_drop_replication_slot('${name}')`,
  }[kind];
  return (
    `hint: ${kind} ${name} (${who}${since}) holds an old snapshot, so the space of rows deleted ` +
    `since then cannot be reused. End it, or: ${remedy}`
  );
}
