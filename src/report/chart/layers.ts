import { type FlowNode, topological } from "../../domain/flow-graph.ts";

/**
 * The stages in layers: each below all stages that it waits for, and as close below as possible.
 * Within a layer, stages stand below their upstreams, so that few lines cross.
 */
export function layersOf(nodes: readonly FlowNode[]): FlowNode[][] {
  const depths = new Map<string, number>();
  for (const { name, upstreams } of topological(nodes)) {
    depths.set(name, Math.max(-1, ...upstreams.map(({ stage }) => depths.get(stage) ?? -1)) + 1);
  }
  const layers: FlowNode[][] = [];
  for (const node of nodes) (layers[depths.get(node.name) ?? 0] ??= []).push(node);
  const place = new Map<string, number>();
  const note = () => {
    for (const layer of layers) {
      for (const [i, { name }] of layer.entries()) place.set(name, (i + 0.5) / layer.length);
    }
  };
  note();
  const below = Map.groupBy(
    nodes.flatMap(({ name, upstreams }) => upstreams.map(({ stage }) => ({ name, stage }))),
    ({ stage }) => stage,
  );
  const mean = (names: readonly string[], otherwise: number) =>
    names.length === 0
      ? otherwise
      : names.reduce((sum, name) => sum + (place.get(name) ?? 0.5), 0) / names.length;
  const order = (layer: FlowNode[], neighbours: (node: FlowNode) => readonly string[]) => {
    const keys = new Map(
      layer.map((node) => [node.name, mean(neighbours(node), place.get(node.name) ?? 0.5)]),
    );
    layer.sort((a, b) => (keys.get(a.name) ?? 0) - (keys.get(b.name) ?? 0));
    note();
  };
  // A few sweeps down and up: more change nothing in graphs that people read.
  for (let sweep = 0; sweep < 4; sweep++) {
    for (const layer of layers)
      order(layer, ({ upstreams }) => upstreams.map(({ stage }) => stage));
    for (const layer of layers.toReversed()) {
      order(layer, ({ name }) => (below.get(name) ?? []).map((link) => link.name));
    }
  }
  return layers;
}
