import { Command, Option } from "clipanion";

import { migrate, pendingMigrations } from "../../db/admin/migrations.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { describeTarget } from "../../db/connection/settings.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class MigrateCommand extends PdoflowCommand {
  static override paths = [["migrate"]];
  static override usage = Command.Usage({
    description: "bring the schema of the database up to this version",
    details: `
      Applies what is missing in one transaction. Any number of machines may run it at once; each
      but the first finds nothing to do. It refuses a schema that is newer than itself.
      The embedded server needs no migrate: it migrates itself.
    `,
    examples: [
      ["See what would be run", "$0 migrate --dry-run --show-sql"],
      ["Migrate the server of the environment", "$0 migrate"],
    ],
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "change nothing, list what is missing",
  });
  showSql = Option.Boolean("--show-sql", false, { description: "print the statements" });

  async run() {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections: 1 });
      const pending = await pendingMigrations(db);
      if (this.showSql && !this.json)
        for (const { name, sql } of pending) this.print(`-- ${name}\n${sql}`);
      const applied = this.dryRun ? pending.map(({ name }) => name) : await migrate(db);
      if (this.json) {
        this.printJson(documents.migrate, { isDryRun: this.dryRun, applied });
        return exitCodes.ok;
      }
      const verb = this.dryRun ? "would apply" : "applied";
      this.say(
        applied.length === 0
          ? `schema ${target.schema} of ${describeTarget(target)} is up to date`
          : `${verb} ${applied.join(", ")} to schema ${target.schema} of ${describeTarget(target)}`,
      );
      return exitCodes.ok;
    });
  }
}
