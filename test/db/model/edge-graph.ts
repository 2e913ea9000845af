// Postings with edges, in a model without jobs: their counts, and what may run next (W4).
import type { Edge } from "../../../src/domain/option-values.ts";

export interface Node {
  id: number;
  jobs: number;
  done: number;
  failed: number;
  cancelled: number;
  state: "open" | "paused" | "errored_out" | "cancelled" | "finished";
  /** Whether its jobs were claimed. */
  hasBegun: boolean;
  ifBlocked: "hold" | "cancel" | "run";
  edges: (Edge & { isMet: boolean })[];
}

/** Postings by number, in the order of posting. */
export type Graph = Map<number, Node>;

export const pendingOf = ({ jobs, done, failed, cancelled }: Node): number =>
  jobs - done - failed - cancelled;

export const hasEnded = (node: Node): boolean => pendingOf(node) === 0;

export const waits = ({ state, edges }: Node): boolean =>
  state !== "cancelled" && edges.some(({ isMet }) => !isMet);

const get = (graph: Graph, id: number): Node => {
  const node = graph.get(id);
  if (!node) throw new Error(`expected posting ${id} in the model`);
  return node;
};

const tolerated = ({ tolerateJobs = 0, toleratePercent = 0 }: Edge, jobs: number): number =>
  Math.max(tolerateJobs, Math.floor((toleratePercent * jobs) / 100));

function isMetBy(edge: Edge, up: Node): boolean {
  switch (edge.kind) {
    case "after":
      return hasEnded(up) && up.failed + up.cancelled <= tolerated(edge, up.jobs);
    case "any":
      return hasEnded(up);
    case "failed":
      return (hasEnded(up) && up.failed > 0) || up.state === "errored_out";
    default:
      return up.hasBegun;
  }
}

function isObstructed(edge: Edge, up: Node): boolean {
  switch (edge.kind) {
    case "after":
      return up.failed + up.cancelled > tolerated(edge, up.jobs);
    case "failed":
      return hasEnded(up) && up.failed === 0;
    case "start":
      return hasEnded(up) && !up.hasBegun;
    default:
      return false;
  }
}

/** Whether something keeps the edges of a posting from being met; of ended postings only. */
export function isObstructedBelow(graph: Graph, node: Node, onlyEnded = false): boolean {
  return node.edges.some((edge) => {
    if (edge.isMet) return false;
    const up = get(graph, edge.posting);
    if (isObstructed(edge, up) && (!onlyEnded || hasEnded(up))) return true;
    return waits(up) && up.ifBlocked === "hold" && isObstructedBelow(graph, up, onlyEnded);
  });
}

export const isBlocked = (graph: Graph, node: Node): boolean =>
  waits(node) && node.ifBlocked === "hold" && isObstructedBelow(graph, node);

export function cancel(node: Node): void {
  if (hasEnded(node) || node.state === "cancelled") return;
  node.state = "cancelled";
  // Failed jobs that wait for a retry by hand have failed again.
  if (node.hasBegun) node.failed += pendingOf(node);
  else node.cancelled = node.jobs;
}

/** Does what pools do with waiting postings, until nothing changes any more. */
export function settleAll(graph: Graph): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const node of graph.values()) {
      if (!waits(node)) continue;
      for (const edge of node.edges) {
        if (edge.isMet || !isMetBy(edge, get(graph, edge.posting))) continue;
        edge.isMet = changed = true;
      }
    }
    for (const node of graph.values()) {
      if (!waits(node) || node.ifBlocked === "hold") continue;
      if (!isObstructedBelow(graph, node, true)) continue;
      changed = true;
      if (node.ifBlocked === "cancel") cancel(node);
      else for (const edge of node.edges) edge.isMet ||= isLost(graph, edge);
    }
  }
}

function isLost(graph: Graph, edge: Edge): boolean {
  const up = get(graph, edge.posting);
  if (isObstructed(edge, up) && hasEnded(up)) return true;
  return waits(up) && up.ifBlocked === "hold" && isObstructedBelow(graph, up, true);
}

/** Whether pools may claim its jobs. */
export const isOpen = (node: Node): boolean =>
  (node.state === "open" || node.state === "finished") && !waits(node) && !hasEnded(node);
