import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { flowDifferences, type FlowSpec, parseSpec } from "../../domain/flow-spec.ts";
import type { Db } from "../connection/connect.ts";
import { readSpec } from "./flow.ts";

/** A key belongs to a flow with other stages. */
class FlowKeyTaken extends PdoflowError {
  override readonly name = "FlowKeyTaken";
  readonly exitCode = exitCodes.usage;
  constructor(key: string, id: number, differences: readonly string[]) {
    super(
      `the key "${key}" belongs to flow ${id}, which differs:\n${differences.join("\n")}\n` +
        `Nothing was posted. To post this flow, use another key; to run what changed: ` +
        `pdoflow flow resume ${id} FILE`,
    );
  }
}

/**
 * Compares a flow with the one that has its key. Returns the differences of its arguments.
 *
 * @throws {FlowKeyTaken} its stages differ.
 */
export async function compareWithKnown(
  db: Db,
  id: number,
  key: string,
  now: FlowSpec,
): Promise<string[]> {
  const before = parseSpec(await readSpec(db, id));
  const shape = (spec: FlowSpec): FlowSpec => ({
    stages: spec.stages.map((stage) => ({
      ...stage,
      jobs: { count: 0, partJobs: 0, parts: [] },
    })),
  });
  const differences = flowDifferences(shape(before), shape(now));
  if (differences.length > 0) throw new FlowKeyTaken(key, id, differences);
  const jobsOf = new Map(before.stages.map(({ name, jobs }) => [name, jobs]));
  // Jobs without digests are made of the results of other stages.
  const known = now.stages.map((stage) => ({
    ...stage,
    jobs: stage.jobs.parts.length > 0 ? stage.jobs : (jobsOf.get(stage.name) ?? stage.jobs),
  }));
  return flowDifferences(before, { stages: known });
}
