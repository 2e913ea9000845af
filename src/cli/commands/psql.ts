import { Command, Option } from "clipanion";

import { configuredSettings } from "../../db/settings/target.ts";
import { urlOf } from "../../db/settings/target-url.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findProgram } from "../shell/find-program.ts";

export class PsqlCommand extends PdoflowCommand {
  static override paths = [["psql"]];
  static override usage = Command.Usage({
    description: "open psql on the database of the queue",
    details: `
      Starts the psql of your PATH. Arguments after \`--\` are passed to it. Its exit code is the
      exit code of this command. docs/sql.md describes the views and functions.
    `,
    examples: [
      ["Look around", "$0 psql"],
      ["Run one query", "$0 psql -- -c 'select * from pdoflow.postings'"],
    ],
  });

  rest = Option.Rest({ name: "arguments of psql" });

  async run(): Promise<ExitCode> {
    const remedy =
      "Install the client of PostgreSQL, or open the database in another program. Its URL: " +
      "pdoflow config --url";
    const program = findProgram("psql", this.context.env, remedy);
    const target = await this.target();
    // So that a server that does not answer is described as by other commands.
    await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections: 1 });
      await db.sql`select 1`;
    });
    const settings = configuredSettings(this.database, this.context.env)?.settings;
    // In the environment, because other users can read arguments.
    const password = target.password === undefined ? {} : { PGPASSWORD: target.password };
    const psql = Bun.spawn([program, ...this.rest, urlOf(target, settings)], {
      env: { ...this.context.env, ...password },
      stdio: ["inherit", "inherit", "inherit"],
    });
    // psql handles Ctrl-C itself.
    const offSignals = this.context.onStopSignal(() => {});
    const code = await psql.exited;
    offSignals();
    return Object.values(exitCodes).find((each) => each === code) ?? exitCodes.jobsFailed;
  }
}
