import { drawGraph } from "../../domain/flow-drawing.ts";
import type { FlowNode } from "../../domain/flow-graph.ts";

/** A wider graph would leave no room for the rest of a line. */
const widest = 24;

/**
 * The drawn graph of stages with their names, a line for each, all of one width. If the graph is
 * too wide, the names stand alone.
 */
export function graphLines(
  nodes: readonly FlowNode[],
  markOf?: (name: string) => string,
): string[] {
  const drawn = drawGraph(nodes, markOf);
  const isWide = drawn.some((line) => Bun.stringWidth(line) > widest);
  const lines = nodes.map(({ name }, i) =>
    isWide ? `${markOf?.(name) ?? "●"} ${name}` : `${drawn[i]} ${name}`,
  );
  const width = Math.max(0, ...lines.map((line) => Bun.stringWidth(line)));
  return lines.map((line) => line + " ".repeat(width - Bun.stringWidth(line)));
}
