import { Command, Option } from "clipanion";
import * as v from "valibot";

import { listFlows, readStages } from "../../db/read/flows.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { flowState, stageState, type StageStatus } from "../../domain/flow-status.ts";
import { type JobCounts, jobStatuses, noJobs } from "../../domain/states.ts";
import type { Color } from "../output/color.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";

const Options = v.object({
  limit: v.optional(wholeNumber(1, 1_000), "50"),
  before: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
});

export class FlowListCommand extends PdoflowCommand {
  static override paths = [["flow", "list"]];
  static override usage = Command.Usage({ description: "list flows, newest first" });
  limit = Option.String("--limit", { description: "list at most N flows (default: 50)" });
  before = Option.String("--before", {
    description: "only flows with a number below N, to continue a previous list",
  });

  async run(): Promise<ExitCode> {
    const { limit, before = Number.MAX_SAFE_INTEGER } = parseFlags(Options, this);
    return await this.withDatabase(async (db) => {
      const rows = await listFlows(db, before, limit + 1);
      const hasMore = rows.length > limit;
      const shown = rows.slice(0, limit);
      const stages = await readStages(
        db,
        shown.map(({ id }) => id),
      );
      const flows = shown.map((flow) => {
        const all = stages.get(flow.id) ?? [];
        const done = all.filter((one) => stageState(one) === "done").length;
        return { ...flow, state: flowState(all), stages: all.length, done, jobs: jobsOf(all) };
      });
      if (this.json) this.printJson(outputSchemas["flow list"], { flows, hasMore });
      else {
        this.printTable(
          ["flow", "name", "state", "stages", "done", "posted", ...jobStatuses],
          flows.map(({ id, name, state, stages, done, postedAt, jobs }) => [
            ...[String(id), name, state, stages, done, postedAt.toISOString().slice(0, 16)],
            ...jobStatuses.map((status) => jobs[status]),
          ]),
          flowColor,
        );
        const last = flows.at(-1);
        if (hasMore && last) this.say(`more flows: pdoflow flow list --before ${last.id}`);
        if (flows.length === 0) this.say("no flows; post one with: pdoflow flow post FILE");
      }
      return exitCodes.ok;
    });
  }
}

/** The jobs of all stages. */
function jobsOf(stages: readonly StageStatus[]): JobCounts {
  const sum = { ...noJobs };
  for (const { jobs } of stages) for (const status of jobStatuses) sum[status] += jobs[status];
  return sum;
}

function flowColor(cell: string): Color | null {
  if (cell === "failed" || cell === "stuck") return "red";
  return cell === "paused" ? "yellow" : cell === "done" || cell === "cancelled" ? "dim" : null;
}
