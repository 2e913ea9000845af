import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readDesired } from "../../db/dashboard/desired.ts";
import { exitCodes } from "../../domain/errors.ts";
import { forOption, projectOption, scaledPools } from "../input/desired-flags.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";

const Options = v.object({ slots: v.optional(wholeNumber(1, 1024)) });

export class DepthCommand extends PdoflowCommand {
  static override paths = [["depth"]];
  static override usage = Command.Usage({
    description: "print the number of jobs that run or could run now, for autoscaling",
    details: `
      Running jobs count too, so an autoscaler does not stop busy pools. Jobs of postings that are
      paused, or wait for other postings or their time, do not count, and of a posting with
      --max-running only as many as may run. With --slots it prints the number of pools instead. If
      no job can run but a schedule that posts or a deadline is due, which only pools notice, it
      prints 1.

      In SQL the same numbers are pdoflow.desired_slots() and pdoflow.desired_pools() (docs/sql.md).
    `,
    examples: [
      ["Jobs that run or could run now", "$0 depth"],
      [
        "Pools with 16 workers each that jobs keep busy",
        "$0 depth --for gpu=0,1,mem=64G --slots 16",
      ],
    ],
  });
  provides = forOption("only");
  slots = Option.String("--slots", {
    description: "print the number of pools with N workers each instead of the number of jobs",
  });
  project = projectOption("only");

  async run() {
    const { slots } = parseFlags(Options, this);
    const pools = scaledPools(this, slots ?? 1);
    return await this.withDatabase(async (db) => {
      const desired = await readDesired(db, pools);
      if (this.json) this.printJson(outputSchemas.depth, desired);
      else this.print(String(slots === undefined ? desired.slots : desired.pools));
      return exitCodes.ok;
    });
  }
}
