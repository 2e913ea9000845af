import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { drawGraph } from "../../src/domain/flow-drawing.ts";
import {
  cycleOf,
  type FlowNode,
  topological,
  withDownstreams,
} from "../../src/domain/flow-graph.ts";
import { mermaidText } from "../../src/domain/flow-mermaid.ts";

/** Stages by name, each with the stages that it waits for. */
const nodesOf = (graph: Record<string, string[]>): FlowNode[] =>
  Object.entries(graph).map(([name, upstreams]) => ({
    name,
    upstreams: upstreams.map((stage) => ({ stage, kind: "after" })),
  }));

const drawn = (graph: Record<string, string[]>): string => {
  const nodes = topological(nodesOf(graph));
  const lines = drawGraph(nodes);
  return nodes.map(({ name }, i) => `${lines[i]} ${name}`).join("\n");
};

test("stages come after the stages that they wait for, and else in the order of the file", () => {
  const nodes = nodesOf({ last: ["first", "second"], second: ["first"], first: [], other: [] });
  expect(topological(nodes).map(({ name }) => name)).toEqual(["first", "second", "last", "other"]);
});

test("a cycle is found, and nothing else is taken for one", () => {
  expect(cycleOf(nodesOf({ a: [], b: ["a"], c: ["a", "b"] }))).toBeNull();
  expect(cycleOf(nodesOf({ a: ["a"] }))).toEqual(["a"]);
  const cycle = cycleOf(nodesOf({ start: [], x: ["start", "z"], y: ["x"], z: ["y"], end: ["z"] }));
  expect(cycle?.toSorted()).toEqual(["x", "y", "z"]);
});

test("the stages behind a changed stage are found over several steps", () => {
  const nodes = nodesOf({ a: [], b: ["a"], c: ["b"], d: [] });
  expect([...withDownstreams(nodes, ["a"])]).toEqual(["a", "b", "c"]);
});

test("a graph is drawn with a line for each stage", () => {
  const fork = { reduce: [], measure: ["reduce"], flat: ["reduce"], combine: ["measure", "flat"] };
  expect(drawn({ ...fork, report: ["combine"], other: [] })).toBe(
    [
      "● reduce",
      "├─● measure",
      "● │ flat",
      "●─╯ combine",
      "● report",
      "  ● other", // nothing waits for report
    ].join("\n"),
  );
});

test("lines that a stage does not join pass it", () => {
  expect(drawn({ a: [], b: [], c: ["a", "b"], d: ["a"], e: ["b", "d"], f: ["c", "e"] })).toBe(
    [
      "● a", //
      "│ ● b",
      "├─┼─● c",
      "● │ │ d",
      "●─╯ │ e",
      "●───╯ f",
    ].join("\n"),
  );
});

test("a drawing joins each stage exactly with the stages that it waits for", () => {
  const graph = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { maxLength: 12 });
  fc.assert(
    fc.property(graph, (lists) => {
      const nodes = lists.map((upstreams, i) => ({
        name: `s${i}`,
        upstreams: i === 0 ? [] : upstreams.map((u) => ({ stage: `s${u % i}`, kind: "after" })),
      }));
      expect(upstreamsIn(drawGraph(nodes))).toEqual(
        nodes.map(({ upstreams }) => [...new Set(upstreams.map(({ stage }) => stage))].sort()),
      );
    }),
  );
});

/** The stages that each stage waits for, as a reader sees them in a drawing. */
function upstreamsIn(lines: readonly string[]): string[][] {
  /** By column: the stage whose line leads down from the row above. */
  let above: (string | undefined)[] = [];
  return lines.map((line, i) => {
    const cells = Array.from(line);
    const found = cells.flatMap((cell, column) =>
      "●├┤┼┴╰╯".includes(cell) ? (above[column] ?? []) : [],
    );
    above = cells.map((cell, column) => {
      if (cell === "●") return `s${i}`;
      return "│├┤┼".includes(cell) ? above[column] : undefined;
    });
    return found.sort();
  });
}

test("a graph in Mermaid has quoted names, and the kinds of its arrows", () => {
  const nodes = [
    { name: "reduce", upstreams: [] },
    { name: "tell", upstreams: [{ stage: "reduce", kind: "after-any" }] },
    { name: "end", upstreams: [{ stage: "tell", kind: "after" }] },
  ];
  expect(mermaidText(nodes, (name) => `${name} "<1>"\n[2]`)).toBe(
    [
      "flowchart TD",
      '  s1["reduce #34;#60;1#62;#34;<br>#91;2#93;"]',
      '  s2["tell #34;#60;1#62;#34;<br>#91;2#93;"]',
      '  s3["end #34;#60;1#62;#34;<br>#91;2#93;"]',
      "  s1 -->|after-any| s2",
      "  s2 --> s3",
    ].join("\n"),
  );
});
