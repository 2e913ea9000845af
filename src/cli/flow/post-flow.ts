import { Command, Option } from "clipanion";

import { compareWithKnown } from "../../db/posting/flow-key.ts";
import { openSpanBy } from "../../db/posting/insert.ts";
import { beginFlow, endFlow, transactionDb } from "../../db/posting/flow.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import type { FlowSpec } from "../../domain/flow-spec.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { checkStages } from "./check-stages.ts";
import type { FileStage, FlowFile } from "./flow-file.ts";
import { parseSettings } from "./flow-settings.ts";
import { graphLines } from "./graph-lines.ts";
import { digestStage, type PlacedStage, postStages, stageSpec } from "./post-stages.ts";
import { readFlowFile } from "./read-flow.ts";

interface PostedFlow {
  id: number;
  isNew: boolean;
  stages: readonly PlacedStage[];
  /** Of a known flow: what its arguments are now. */
  differences: readonly string[];
}

/** Whether one job reads all results of another stage. */
const isOneGather = ({ references, options }: FileStage): boolean =>
  references.some(({ option }) => option === "gather") && !options.has("reduce");

/** A command that reads a flow file. */
export abstract class FlowFileCommand extends PdoflowCommand {
  set = Option.Array("--set", [], {
    description:
      "a value for {NAME} in the file instead of that in its table [set], such as " +
      "night=2026-11-25",
  });
  check = Option.Boolean("--check", {
    description: "--no-check posts without importing the code of the stages",
  });
  dryRun = Option.Boolean("--dry-run", false, {
    description: "read and check everything, and print the stages, without posting",
  });

  /** Reads and checks a flow file. @throws {FlowFileInvalid} */
  async readFlow(file: string): Promise<FlowFile> {
    const flow = await readFlowFile(file, parseSettings(this.set), this.context);
    await checkStages(flow, { context: this.context, imports: this.check !== false });
    return flow;
  }
}

export class FlowPostCommand extends FlowFileCommand {
  static override paths = [["flow", "post"]];
  static override usage = Command.Usage({
    description: "post a flow: postings that wait for each other",
    details: `
      Posts all stages of a file in one transaction, all or none, and prints the flow's number. A
      stage has any option of \`$0 post\` by its long name, and the function it runs as \`run\`. An
      option that names a posting, such as \`after\`, takes the name of a stage. Instead of TOML, a
      module such as night.ts can export a function that returns the stages. See docs/flows.md.
    `,
    examples: [
      ["Post a flow", "$0 flow post night.toml --set night=2026-11-25"],
      ["Post at most once", "$0 flow post night.toml --key night-2026-11-25"],
      ["Show the stages without posting", "$0 flow post night.toml --dry-run"],
    ],
  });
  file = Option.String({ name: "flow.toml" });
  key = Option.String("--key", {
    description: "post at most once: if this key exists, print the number of its flow instead",
  });
  onEnd = Option.String("--on-end", {
    description: "notify these receivers when nothing of the flow goes on, such as slack,mail",
  });
  onFailure = Option.String("--on-failure", {
    description: "notify these receivers only if the flow has failed or is stuck",
  });

  async run(): Promise<ExitCode> {
    const flow = await this.readFlow(this.file);
    if (this.dryRun) return await this.#showStages(flow);
    const key = this.key ?? flow.key;
    const posted = await this.withDatabase(async (db): Promise<PostedFlow> => {
      await openSpanBy(db); // not while the transaction holds what others wait for
      const osUser = this.context.osUser();
      const done = await db.sql.begin(async (sql) => {
        const flowDb = transactionDb(db, sql);
        const { flowId, isNew } = await beginFlow(flowDb, {
          ...{ name: flow.name, key, osUser },
          ...this.receivers(flow),
        });
        if (!isNew) return { id: flowId, isNew, stages: [] };
        const { context } = this;
        const note = (text: string) => this.say(text);
        const placed = await postStages(flowDb, flow, { flowId, context, note, kept: new Map() });
        await endFlow(flowDb, flowId, placed.spec);
        return { id: flowId, isNew, stages: placed.stages };
      });
      if (done.isNew) return { ...done, differences: [] };
      const spec = await this.#specOf(flow);
      return { ...done, differences: await compareWithKnown(db, done.id, key ?? "", spec) };
    });
    this.#report(flow, posted, key);
    return exitCodes.ok;
  }

  /** The receivers to notify: those of the command line, or of the file. */
  receivers({ onEnd, onFailure }: FlowFile) {
    return { onEnd: this.onEnd ?? onEnd, onFailure: this.onFailure ?? onFailure };
  }

  /** The flow as it would be posted. */
  async #specOf(flow: FlowFile): Promise<FlowSpec> {
    const stages = [];
    for (const stage of flow.stages) {
      const digest = await digestStage(flow, stage, this.context);
      stages.push(stageSpec(stage, digest ?? { count: 0, partJobs: 0, parts: [] }));
    }
    return { stages };
  }

  async #showStages(flow: FlowFile): Promise<ExitCode> {
    const stages = [];
    for (const stage of flow.stages) {
      const digest = await digestStage(flow, stage, this.context);
      const jobCount = digest?.count ?? (isOneGather(stage) ? 1 : null);
      stages.push({ stage: stage.name, posting: null, jobCount });
    }
    const { name } = flow;
    if (this.json)
      this.printJson(outputSchemas["flow post"], { id: null, name, isNew: false, stages });
    else {
      const graph = graphLines(flow.stages);
      for (const [i, { jobCount }] of stages.entries()) {
        const stage = flow.stages[i];
        if (!stage) continue;
        const run = typeof stage.run === "string" ? stage.run : stage.run.join(" ");
        const jobs = jobCount === null ? "jobs of its upstream" : pluralize(jobCount, "job");
        this.show(`${graph[i]}  ${run}, ${jobs}`);
      }
    }
    this.say(`checked ${pluralize(flow.stages.length, "stage")} of ${name}; nothing was posted`);
    return exitCodes.ok;
  }

  #report({ name }: FlowFile, { id, isNew, stages, differences }: PostedFlow, key: string | null) {
    if (this.json) {
      const shown = stages.map(({ name, id, jobCount }) => ({
        stage: name,
        posting: id,
        jobCount,
      }));
      this.printJson(outputSchemas["flow post"], { id, name, isNew, stages: shown });
    } else this.print(String(id));
    if (!isNew) {
      const why = differences.map((text) => `\n${text}`).join("");
      this.say(
        `pdoflow flow post: flow ${id} has the key "${key}": nothing was posted` +
          (why === "" ? "" : `. What you gave now differs:${why}`),
      );
    } else if (this.context.isTerminal.stdout) {
      this.say(
        `posted ${pluralize(stages.length, "stage")} of ${name} as flow ${id}\n` +
          `status: pdoflow flow show ${id}\n` +
          `wait:   pdoflow flow wait ${id}`,
      );
    }
  }
}
