import type { Db } from "../../db/connection/connect.ts";
import { readFlow, readStages, type FlowDetails } from "../../db/read/flows.ts";
import { findPicked } from "../../db/read/selection.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import type { StageStatus } from "../../domain/flow-status.ts";
import { inFileOrder } from "../../domain/stage-graph.ts";
import { parseSelector, type PostingPick } from "../../domain/selector.ts";

/** No flow has that number or name. */
class FlowNotFound extends PdoflowError {
  override readonly name = "FlowNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(pick: PostingPick) {
    const what = {
      number: () => `there is no flow ${pick.by === "number" ? pick.id : ""}`,
      last: () => "there are no flows yet",
      name: () => `no flow has the name "${pick.by === "name" ? pick.name : ""}"`,
    }[pick.by]();
    super(`${what}. List flows with: pdoflow flow list`);
  }
}

/** What the word on the command line selects: 7, last or @night. @throws {InvalidInput} */
export function parseFlow(word: string): PostingPick {
  const { posting, indices } = parseSelector(word);
  if (indices === null && !(posting.by === "last" && posting.count > 1)) return posting;
  throw new InvalidInput(`selector "${word}"`, ["expected one flow, such as 7, last or @night"]);
}

/** A flow with its stages. */
export interface FoundFlow extends FlowDetails {
  /** In the order in which they were posted: topological. */
  stages: readonly StageStatus[];
}

/** @throws {FlowNotFound} */
export async function findFlow(db: Db, pick: PostingPick): Promise<FoundFlow> {
  const [id] = await findPicked(db, pick, "flow");
  const flow = id === undefined ? null : await readFlow(db, id);
  if (flow === null) throw new FlowNotFound(pick);
  const stages = (await readStages(db, [flow.id])).get(flow.id) ?? [];
  return { ...flow, stages: inFileOrder({ ...flow, stages }) };
}
