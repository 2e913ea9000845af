import type { FlowNode } from "./flow-graph.ts";

/** A graph in the language of Mermaid, for documents; `textOf` returns what a stage shows. */
export function mermaidText(
  nodes: readonly FlowNode[],
  textOf: (name: string) => string = (name) => name,
): string {
  const ids = new Map(nodes.map(({ name }, i) => [name, `s${i + 1}`]));
  const boxes = nodes.map(({ name }) => `  ${ids.get(name)}["${escaped(textOf(name))}"]`);
  const arrows = nodes.flatMap(({ name, upstreams }) =>
    upstreams.map(({ stage, kind }) => {
      const label = kind === "after" ? "" : `|${escaped(kind)}|`;
      return `  ${ids.get(stage)} -->${label} ${ids.get(name)}`;
    }),
  );
  return ["flowchart TD", ...boxes, ...arrows].join("\n");
}

/** Mermaid reads quotes and angle brackets as code of its own; a line break is a tag. */
const escaped = (text: string) =>
  text
    .replaceAll(/[#"<>|[\]]/g, (character) => `#${character.codePointAt(0)};`)
    .replaceAll("\n", "<br>");
