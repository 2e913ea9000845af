import { Command, Option } from "clipanion";

import { cancelPostings, retryFailed } from "../../db/engine/control.ts";
import { readStages } from "../../db/read/flows.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { describeCancel } from "../commands/control.ts";
import { findFlow, parseFlow } from "./flow-named.ts";

export class FlowCancelCommand extends PdoflowCommand {
  static override paths = [["flow", "cancel"]];
  static override usage = Command.Usage({
    description: "cancel all unfinished stages of a flow permanently",
    details: "Each stage is cancelled as by `$0 cancel`. Finished stages do not change.",
  });
  flow = Option.String({ name: "flow" });
  keepRunning = Option.Boolean("--keep-running", false, { description: "let running jobs finish" });
  reason = Option.String("--reason", { description: "the reason, recorded with killed jobs" });
  yes = Option.Boolean("--yes", false, { description: "cancel without asking for confirmation" });

  async run(): Promise<ExitCode> {
    const pick = parseFlow(this.flow);
    return await this.withDatabase(async (db) => {
      const { id, stages } = await findFlow(db, pick);
      const open = stages.filter(({ isEnded, state }) => !isEnded && state !== "cancelled");
      const ids = open.map((one) => one.id);
      if (ids.length > 1) await this.confirm(await describeCancel(db, ids), this.yes);
      const reason = this.reason ?? "cancelled by hand";
      const options = { killsRunning: !this.keepRunning, reason };
      // In one statement, so that nothing of it starts because another stage was cancelled.
      const changed = new Set(await cancelPostings(db, ids, options));
      const now = (await readStages(db, [id])).get(id) ?? [];
      const shown = now.map(({ stage, id, state }) => ({
        ...{ stage, posting: id, state, isChanged: changed.has(id) },
      }));
      if (this.json) this.printJson(outputSchemas["flow cancel"], { id, stages: shown });
      else {
        for (const { stage, posting, state, isChanged } of shown) {
          this.say(`${stage}: posting ${posting} ${isChanged ? "was cancelled" : `is ${state}`}`);
        }
      }
      return exitCodes.ok;
    });
  }
}

export class FlowRetryCommand extends PdoflowCommand {
  static override paths = [["flow", "retry"]];
  static override usage = Command.Usage({
    description: "retry the failed jobs of all stages of a flow",
    details: `
      Gives each failed job one more attempt, as \`$0 retry --failed\` does for a posting. Stages
      that were blocked by them go on by themselves.
    `,
  });
  flow = Option.String({ name: "flow" });

  async run(): Promise<ExitCode> {
    const pick = parseFlow(this.flow);
    return await this.withDatabase(async (db) => {
      const { id, stages } = await findFlow(db, pick);
      const retried = [];
      for (const { stage, id, state } of stages) {
        const all = { indices: null, fingerprint: null };
        const count = state === "cancelled" ? 0 : ((await retryFailed(db, id, all)) ?? 0);
        retried.push({ stage, posting: id, retried: count, state });
      }
      if (this.json) {
        this.printJson(outputSchemas["flow retry"], { id, stages: retried });
        return exitCodes.ok;
      }
      const changed = retried.filter((one) => one.retried > 0);
      for (const { stage, posting, retried, state } of changed) {
        const remedy =
          state === "errored_out"
            ? `; it is stopped, resume it with: pdoflow resume ${posting}`
            : "";
        this.say(`${stage}: ${pluralize(retried, "job")} of posting ${posting} retried${remedy}`);
      }
      if (changed.length === 0) this.say(`flow ${id}: no job has failed`);
      return exitCodes.ok;
    });
  }
}
