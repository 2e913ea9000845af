/** A stage of a flow, and the stages that it waits for. */
export interface FlowNode {
  name: string;
  upstreams: readonly FlowLink[];
}

/** One stage that another one waits for. */
export interface FlowLink {
  stage: string;
  /** How it waits, as the option of `post` without its dashes: "after", "over". */
  kind: string;
}

/**
 * The stages in topological order: each one comes after the stages that it waits for, and otherwise
 * as early as in `nodes`. Stages of a cycle, and the stages behind it, are missing.
 */
export function topological<Node extends FlowNode>(nodes: readonly Node[]): Node[] {
  const waiting = new Map(nodes.map((node) => [node.name, node]));
  const sorted: Node[] = [];
  const isPlaced = ({ stage }: FlowLink) => !waiting.has(stage);
  for (;;) {
    const next = [...waiting.values()].find(({ upstreams }) => upstreams.every(isPlaced));
    if (next === undefined) return sorted;
    waiting.delete(next.name);
    sorted.push(next);
  }
}

/** The stages of a cycle, each waiting for the next and the last for the first; null if none. */
export function cycleOf(nodes: readonly FlowNode[]): string[] | null {
  const sorted = new Set(topological(nodes).map(({ name }) => name));
  const stuck = new Map(nodes.filter(({ name }) => !sorted.has(name)).map((n) => [n.name, n]));
  const path: string[] = [];
  let node = [...stuck.values()][0];
  while (node !== undefined) {
    const start = path.indexOf(node.name);
    if (start >= 0) return path.slice(start);
    path.push(node.name);
    const next: FlowLink | undefined = node.upstreams.find(({ stage }) => stuck.has(stage));
    node = next && stuck.get(next.stage);
  }
  return null;
}

/** The stages that wait for one of `names`, also over several steps, and `names` themselves. */
export function withDownstreams(
  nodes: readonly FlowNode[],
  names: Iterable<string>,
): ReadonlySet<string> {
  const found = new Set(names);
  for (const { name, upstreams } of topological(nodes)) {
    if (upstreams.some(({ stage }) => found.has(stage))) found.add(name);
  }
  return found;
}
