// Two files made from a CPU profile: a flame graph as SVG, and the format of speedscope
// (https://github.com/jlfwong/speedscope/wiki/Importing-from-custom-sources).
import type { Stacks } from "../../db/engine/profiles.ts";

/** A function, the number of samples in it, and the functions that it called. */
interface FlameFrame {
  name: string;
  samples: number;
  calls: Map<string, FlameFrame>;
}

const rowHeight = 18;
const width = 1_200;
const margin = 10;
const titleHeight = 40;
/** Narrower boxes are left out: they could not be seen. */
const minWidth = 0.3;
const charWidth = 6.6;
const deepest = 400;

/**
 * A flame graph as SVG: a row for each depth, with the outermost function at the bottom. The width
 * of a box is its number of samples; its tooltip shows name, samples and percentage. Supports light
 * and dark mode.
 */
export function flameGraph(stacks: Readonly<Stacks>, title: string): string {
  const root = treeOf(stacks);
  const rows = Math.min(depthOf(root), deepest);
  const height = titleHeight + rows * rowHeight + margin;
  const boxes: string[] = [];
  const perSample = root.samples === 0 ? 0 : (width - 2 * margin) / root.samples;
  const draw = (frame: FlameFrame, x: number, depth: number) => {
    let left = x;
    const calls = [...frame.calls.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const call of calls) {
      const wide = call.samples * perSample;
      if (wide >= minWidth && depth < deepest) {
        boxes.push(
          box(call, { x: left, y: height - margin - (depth + 1) * rowHeight, wide }, root),
        );
        draw(call, left, depth + 1);
      }
      left += wide;
    }
  };
  draw(root, margin, 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}">
<style>
  svg { background: #fff; color: #222; font: 11px ui-monospace, monospace; }
  rect { stroke: #fff; stroke-width: 0.5; }
  text { fill: #222; pointer-events: none; }
  g:hover rect { stroke: #000; stroke-width: 1; }
  @media (prefers-color-scheme: dark) { svg { background: #1b1b1f; } .title { fill: #ddd; } }
</style>
<text class="title" x="${margin}" y="24" font-size="14">${escaped(title)}</text>
${boxes.join("\n")}
</svg>
`;
}

function box(
  { name, samples }: FlameFrame,
  { x, y, wide }: { x: number; y: number; wide: number },
  root: FlameFrame,
): string {
  const share = ((100 * samples) / root.samples).toFixed(1);
  const room = Math.floor((wide - 6) / charWidth);
  const label = room < 3 ? "" : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
  const area = `x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}"`;
  const text = label && `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`;
  return (
    `<g><title>${escaped(name)}: ${samples} samples, ${share} %</title>` +
    `<rect ${area} fill="${colorOf(name)}"/>${text}</g>`
  );
}

/** A warm colour derived from the name. */
function colorOf(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return `hsl(${hash % 50} 85% ${60 + (hash % 15)}%)`;
}

const escaped = (text: string) =>
  text
    // Characters that XML cannot contain.
    .replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD]/g, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

function treeOf(stacks: Readonly<Stacks>): FlameFrame {
  const root: FlameFrame = { name: "", samples: 0, calls: new Map() };
  for (const [stack, samples] of Object.entries(stacks)) {
    root.samples += samples;
    let frame = root;
    for (const name of stack.split("\n")) {
      const call = frame.calls.get(name) ?? { name, samples: 0, calls: new Map() };
      frame.calls.set(name, call);
      call.samples += samples;
      frame = call;
    }
  }
  return root;
}

function depthOf(root: FlameFrame): number {
  let depth = 0;
  for (let row = [...root.calls.values()]; row.length > 0; depth++) {
    row = row.flatMap(({ calls }) => [...calls.values()]);
  }
  return depth;
}

/** A file for speedscope: one "sampled" profile with one sample per millisecond. */
export function speedscope(stacks: Readonly<Stacks>, title: string): object {
  const indices = new Map<string, number>();
  const samples: number[][] = [];
  const weights: number[] = [];
  for (const [stack, count] of Object.entries(stacks)) {
    samples.push(
      stack.split("\n").map((name) => {
        const index = indices.get(name) ?? indices.size;
        indices.set(name, index);
        return index;
      }),
    );
    weights.push(count);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "pdoflow",
    name: title,
    shared: { frames: [...indices.keys()].map((name) => ({ name })) },
    profiles: [
      {
        type: "sampled",
        name: title,
        unit: "milliseconds",
        startValue: 0,
        endValue: total,
        samples,
        weights,
      },
    ],
  };
}
