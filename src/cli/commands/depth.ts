import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readDesired } from "../../db/dashboard/desired.ts";
import { parseResourceList, type Provides } from "../../domain/capabilities.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
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
  provides = Option.Array("--for", [], {
    description:
      "only jobs for pools that provide this, such as gpu=0,mem=64G, or '' for nothing (default: " +
      "any jobs)",
  });
  slots = Option.String("--slots", {
    description: "print the number of pools with N workers each instead of the number of jobs",
  });
  project = Option.String("--project", {
    description: "only jobs of this project and jobs without one (default: of any project)",
  });

  async run() {
    const { slots } = parseFlags(Options, this);
    const provides = this.#provides();
    return await this.withDatabase(async (db) => {
      const project = this.project ?? null;
      const desired = await readDesired(db, { provides, project, slots: slots ?? 1 });
      if (this.json) this.printJson(outputSchemas.depth, desired);
      else this.print(String(slots === undefined ? desired.slots : desired.pools));
      return exitCodes.ok;
    });
  }
  /**
   * Null for pools that meet any need.
   *
   * @throws {InvalidInput} also for several: each would be another kind of pool, with a number of
   *   its own, as for the exporter.
   */
  #provides(): Provides | null {
    const [text, ...others] = this.provides;
    if (others.length > 0) {
      throw new InvalidInput("--for", [
        "expected it once, with everything that a pool provides, such as gpu=0,mem=64G; found it " +
          `${this.provides.length} times`,
      ]);
    }
    return text === undefined ? null : parseResourceList(text, "--for");
  }
}
