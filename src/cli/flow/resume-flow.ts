import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { cancelPostings } from "../../db/engine/control.ts";
import { continueFlow, endFlow, transactionDb } from "../../db/posting/flow.ts";
import { openSpanBy } from "../../db/posting/insert.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { resumePlan, type StagePlan } from "../../domain/flow-resume.ts";
import { type JobsDigest, parseSpec, stageDifferences } from "../../domain/flow-spec.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import type { FlowFile } from "./flow-file.ts";
import { findFlow, type FoundFlow, parseFlow } from "./flow-named.ts";
import { FlowFileCommand } from "./post-flow.ts";
import { digestStage, postStages, stageSpec } from "./post-stages.ts";

const noJobs: JobsDigest = { count: 0, partJobs: 0, parts: [] };

export class FlowResumeCommand extends FlowFileCommand {
  static override paths = [["flow", "resume"]];
  static override usage = Command.Usage({
    description: "run the stages of a flow that changed, or failed",
    details: `
      Compares the stages of the file with the posted stages: their functions, arguments,
      options that change results, and the stages they wait for. Stages that are done and unchanged
      stay. All others are posted again into the same flow; their former postings are cancelled.
      Prints for each stage what becomes of it, and why. Times of files do not matter.
    `,
    examples: [
      ["Run what has changed", "$0 flow resume @night night.toml"],
      ["Show it without posting", "$0 flow resume @night night.toml --dry-run"],
    ],
  });
  flow = Option.String({ name: "flow" });
  file = Option.String({ name: "flow.toml" });

  async run(): Promise<ExitCode> {
    const pick = parseFlow(this.flow);
    const flow = await this.readFlow(this.file);
    const digests = new Map<string, JobsDigest | null>();
    for (const stage of flow.stages) {
      digests.set(stage.name, await digestStage(flow, stage, this.context));
    }
    return await this.withDatabase(async (db) => {
      if (!this.dryRun) await openSpanBy(db); // not while the transaction holds locks
      const resumed = await db.sql.begin(async (sql) => {
        const flowDb = transactionDb(db, sql);
        const { id } = await findFlow(flowDb, pick);
        if (!this.dryRun) await continueFlow(flowDb, id);
        const found = await findFlow(flowDb, { by: "number", id });
        const plans = plansOf(flow, found, digests);
        const ids = this.dryRun ? new Map() : await this.#post(flowDb, flow, found, plans);
        return { found, plans, ids };
      });
      this.#report(flow, resumed);
      return exitCodes.ok;
    });
  }

  /** Posts the stages that are not kept; returns the postings of all. */
  async #post(db: Db, flow: FlowFile, found: FoundFlow, plans: ReadonlyMap<string, StagePlan>) {
    const specs = new Map(parseSpec(found.spec).stages.map((spec) => [spec.name, spec]));
    const kept = new Map(
      found.stages
        .filter(({ stage }) => plans.get(stage)?.isKept === true)
        .map(({ stage: name, id, jobCount }) => {
          const digest = specs.get(name)?.jobs ?? noJobs;
          return [name, { name, id, jobCount, digest }] as const;
        }),
    );
    const note = (text: string) => this.say(text);
    const { context } = this;
    const posting = { flowId: found.id, context, note, kept };
    const { stages, spec } = await postStages(db, flow, posting);
    // At the end: jobs of these postings are claimed and recorded until then.
    const replaced = found.stages.filter(
      ({ stage, isEnded }) => plans.get(stage)?.isKept === false && !isEnded,
    );
    const reason = `replaced by flow resume ${found.id}`;
    const ids = replaced.map(({ id }) => id);
    if (ids.length > 0) await cancelPostings(db, ids, { killsRunning: true, reason });
    await endFlow(db, found.id, spec);
    return new Map(stages.map(({ name, id }) => [name, id]));
  }

  #report(
    { stages }: FlowFile,
    {
      found,
      plans,
      ids,
    }: {
      found: FoundFlow;
      plans: ReadonlyMap<string, StagePlan>;
      ids: ReadonlyMap<string, number>;
    },
  ): void {
    const known = new Map(found.stages.map(({ stage, id }) => [stage, id]));
    const shown = stages.map(({ name }) => {
      const { isKept = false, why = "" } = plans.get(name) ?? {};
      const posting = ids.get(name) ?? (isKept ? (known.get(name) ?? null) : null);
      return { stage: name, posting, isKept, why };
    });
    const isDryRun = this.dryRun;
    if (this.json) {
      this.printJson(outputSchemas["flow resume"], { id: found.id, isDryRun, stages: shown });
    } else {
      const width = Math.max(...shown.map(({ stage }) => stage.length));
      for (const { stage, posting, isKept, why } of shown) {
        const number = posting === null ? "" : `, posting ${posting}`;
        this.show(`${stage.padEnd(width)}  ${isKept ? "kept" : "runs"}: ${why}${number}`);
      }
    }
    for (const stage of known.keys()) {
      if (!plans.has(stage)) this.say(`${stage} is not in the file: it stays as it is`);
    }
    if (isDryRun) this.say("nothing was posted");
  }
}

function plansOf(
  flow: FlowFile,
  found: FoundFlow,
  digests: ReadonlyMap<string, JobsDigest | null>,
): ReadonlyMap<string, StagePlan> {
  const specs = new Map(parseSpec(found.spec).stages.map((spec) => [spec.name, spec]));
  const compared = flow.stages.map((stage) => {
    const before = specs.get(stage.name);
    const now = stageSpec(stage, digests.get(stage.name) ?? before?.jobs ?? noJobs);
    return { ...stage, differences: before ? stageDifferences(before, now) : null };
  });
  return resumePlan(compared, found.stages);
}
