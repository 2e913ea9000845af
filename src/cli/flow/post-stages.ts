import type { Db } from "../../db/connection/connect.ts";
import type { FlowSpec, JobsDigest, StageSpec } from "../../domain/flow-spec.ts";
import { Reading } from "../input/reading-progress.ts";
import type { CliContext } from "../shell/context.ts";
import { hasOwnJobs } from "./check-stages.ts";
import type { FileStage, FlowFile } from "./flow-file.ts";
import type { RecordedFlow } from "./recorded-flow.ts";
import { stageCommand } from "./stage-command.ts";

/** A stage with the posting that it has, new or kept. */
export interface PlacedStage {
  name: string;
  id: number;
  jobCount: number;
}

interface StagePosting {
  flowId: number;
  context: CliContext;
  note: (text: string) => void;
  /** The stages that have a posting already. */
  kept: ReadonlyMap<string, PlacedStage & { digest: JobsDigest }>;
  /** Keeps what is posted, for a schedule. */
  recorded?: RecordedFlow;
}

/** Posts the stages of a flow in a transaction, each after the stages that it waits for. */
export async function postStages(
  db: Db,
  flow: FlowFile,
  { flowId, context, note, kept, recorded }: StagePosting,
): Promise<{ stages: PlacedStage[]; spec: FlowSpec }> {
  const placed = new Map<string, PlacedStage>();
  const specs: StageSpec[] = [];
  const idOf = (name: string) => {
    const id = placed.get(name)?.id;
    if (id === undefined) throw new Error(`the stage ${name} is not posted yet`);
    return id;
  };
  for (const stage of flow.stages) {
    const { name } = stage;
    const before = kept.get(name);
    if (before) {
      const { digest, ...one } = before;
      placed.set(name, one);
      specs.push(stageSpec(stage, digest));
      continue;
    }
    const prefixed = (text: string) => note(`${name}: ${text}`);
    const command = stageCommand(stage, {
      flow: flow.name,
      idOf,
      context,
      note: prefixed,
      recorded,
    });
    const posted = await command.post({ db, place: { flowId, stage: name } });
    placed.set(name, { name, ...posted });
    specs.push(stageSpec(stage, await command.digest(posted.jobCount)));
  }
  return { stages: [...placed.values()], spec: { stages: specs } };
}

/** Reads the jobs of a stage without posting them; null if they are results of another stage. */
export async function digestStage(
  flow: FlowFile,
  stage: FileStage,
  context: CliContext,
): Promise<JobsDigest | null> {
  if (!hasOwnJobs(stage)) return null;
  const note = () => {};
  const command = stageCommand(stage, { flow: flow.name, idOf: () => 1, context, note });
  const sources = await command.openSources(command.parseWork().files);
  if (!sources.sweep) {
    const reading = new Reading(command, "reading", sources, false);
    for await (const _ of command.batchesOf(reading));
    reading.end();
  }
  return await command.digest(0);
}

/** Options that can change the results of a stage; its jobs and upstreams are compared as such. */
const resultOptions = ["root", "project", "no-results", "with", "reduce"];

export function stageSpec(stage: FileStage, jobs: JobsDigest): StageSpec {
  return {
    name: stage.name,
    run: typeof stage.run === "string" ? stage.run : stage.run.join(" "),
    options: resultOptions.flatMap((name) =>
      (stage.options.get(name) ?? []).map((word) => word.replace(/^--/, "")),
    ),
    upstreams: stage.references.map(({ option, text }) => `${option} ${text}`).toSorted(),
    jobs,
  };
}
