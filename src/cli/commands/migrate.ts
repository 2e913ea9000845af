import { Command, Option } from "clipanion";
import * as v from "valibot";

import { migrate, type Migrated, pendingMigrations } from "../../db/admin/migrations.ts";
import { listed } from "../../db/admin/older-pools.ts";
import type { Db } from "../../db/connection/connect.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { describeTarget, type Target } from "../../db/settings/target.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { duration } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";

const Options = v.object({ waitForLocks: v.optional(duration, "1m") });

export class MigrateCommand extends PdoflowCommand {
  static override paths = [["migrate"]];
  static override usage = Command.Usage({
    description: "create the database schema, or upgrade it to this version",
    details: `
      Applies all missing migrations in one transaction, while pools run. Several machines can run
      it at once: the first one migrates, the others find nothing to do. It waits for locks only for
      moments, so that nobody waits for it, and tries again.

      Migrate first, then upgrade pools and other programs: they work on with a newer schema
      (docs/upgrading.md). A migration that removes what living pools use is held back until a later
      migrate finds no such pool. It refuses a schema that does not support this program any more.
      The embedded server is migrated automatically.
    `,
    examples: [
      ["Print the pending SQL statements", "$0 migrate --dry-run --show-sql"],
      ["Migrate the configured database", "$0 migrate"],
    ],
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "list the missing migrations without applying them",
  });
  endOlderPools = Option.Boolean("--end-older-pools", false, {
    description:
      "let pools that are too old for a migration finish their running jobs and end, and wait " +
      "for them, instead of holding the migration back",
  });
  waitForLocks = Option.String("--wait-for-locks", {
    description: "fail after this long if other transactions still use the tables (default: 1m)",
  });
  showSql = Option.Boolean("--show-sql", false, { description: "print the SQL statements" });

  async run() {
    const { waitForLocks } = parseFlags(Options, this);
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections: 1 });
      const pending = await pendingMigrations(db);
      if (this.showSql && !this.json)
        for (const { name, sql } of pending) this.print(`-- ${name}\n${sql}`);
      const dry = { applied: pending.map(({ name }) => name), heldBack: null };
      const { stoppedBy, ...done } = this.dryRun
        ? { ...dry, stoppedBy: null }
        : await this.#migrate(db, waitForLocks);
      this.#show(target, done);
      if (stoppedBy === null) return exitCodes.ok;
      return stoppedBy === "SIGTERM" ? exitCodes.terminated : exitCodes.interrupted;
    });
  }

  async #migrate(db: Db, locksWithinMs: number): Promise<Migrated & { stoppedBy: string | null }> {
    const stop = new AbortController();
    let stoppedBy: string | null = null;
    const offSignals = this.context.onStopSignal((signal) => {
      stoppedBy = signal;
      stop.abort();
    });
    try {
      const done = await migrate(db, {
        endsOlderPools: this.endOlderPools,
        locksWithinMs,
        onWait: (line) => this.say(`migrate: ${line}`),
        signal: stop.signal,
      });
      return { ...done, stoppedBy };
    } finally {
      offSignals();
    }
  }

  #show(target: Target, { applied, heldBack }: Migrated): void {
    if (this.json) {
      const heldBackNames = heldBack?.names ?? [];
      this.printJson(outputSchemas.migrate, {
        isDryRun: this.dryRun,
        applied,
        heldBack: heldBackNames,
      });
    } else {
      const where = `schema ${target.schema} of ${describeTarget(target)}`;
      const verb = this.dryRun ? "would apply" : "applied";
      if (applied.length > 0) this.say(`${verb} ${applied.join(", ")} to ${where}`);
      else if (!heldBack) this.say(`${where} is up to date`);
    }
    if (!heldBack) return;
    const { names, pools } = heldBack;
    this.say(
      `held back ${names.join(", ")}, which would remove what older pools use: ${listed(pools)}. ` +
        "Upgrade these pools, then run: pdoflow migrate",
    );
  }
}
