import { Command, Option } from "clipanion";

import { migrate, pendingMigrations } from "../../db/admin/migrations.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { describeTarget } from "../../db/settings/target.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class MigrateCommand extends PdoflowCommand {
  static override paths = [["migrate"]];
  static override usage = Command.Usage({
    description: "create the database schema, or upgrade it to this version",
    details: `
      Applies all missing migrations in one transaction. Several machines can run it at once: the
      first one migrates, the others find nothing to do. It refuses a schema that is newer than this
      program. The embedded server is migrated automatically.
    `,
    examples: [
      ["Print the pending SQL statements", "$0 migrate --dry-run --show-sql"],
      ["Migrate the configured database", "$0 migrate"],
    ],
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "list the missing migrations without applying them",
  });
  showSql = Option.Boolean("--show-sql", false, { description: "print the SQL statements" });

  async run() {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections: 1 });
      const pending = await pendingMigrations(db);
      if (this.showSql && !this.json)
        for (const { name, sql } of pending) this.print(`-- ${name}\n${sql}`);
      const applied = this.dryRun ? pending.map(({ name }) => name) : await migrate(db);
      if (this.json) {
        this.printJson(outputSchemas.migrate, { isDryRun: this.dryRun, applied });
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
