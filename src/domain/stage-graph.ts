import type { FlowNode } from "./flow-graph.ts";
import { parseSpec } from "./flow-spec.ts";
import { linksOf, type StageStatus } from "./flow-status.ts";

/** A flow as it was posted, with the state of its stages. */
interface StoredFlow {
  spec: unknown;
  stages: readonly StageStatus[];
}

/** The stages in the order of the flow's file. */
export function inFileOrder({ spec, stages }: StoredFlow): StageStatus[] {
  const order = parseSpec(spec).stages.map(({ name }) => name);
  // A stage that was posted again has a larger number than stages behind it in the file.
  const isListed = stages.every(({ stage }) => order.includes(stage));
  if (!isListed) return [...stages];
  return [...stages].sort((a, b) => order.indexOf(a.stage) - order.indexOf(b.stage));
}

/** The stages of a flow with what they wait for: from their edges, and from its spec. */
export function graphOf({ spec, stages }: StoredFlow): FlowNode[] {
  const specs = new Map(parseSpec(spec).stages.map((stage) => [stage.name, stage]));
  const names = new Set(stages.map(({ stage }) => stage));
  const placed = new Set<string>();
  return stages.map((one) => {
    const links = linksOf(one, stages);
    for (const word of specs.get(one.stage)?.upstreams ?? []) {
      const [kind = "", upstream = ""] = word.split(/[ +]/);
      const link = { stage: upstream, kind };
      // Another option than `after` for the same stage says more.
      const known = links.findIndex(({ stage }) => stage === upstream);
      if (!names.has(upstream) || !placed.has(upstream)) continue;
      if (known < 0) links.push(link);
      else links[known] = link;
    }
    placed.add(one.stage);
    return { name: one.stage, upstreams: links };
  });
}
