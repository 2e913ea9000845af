// Where functions spend their time, as files that people open: an SVG by itself, and the format of
// speedscope (https://github.com/jlfwong/speedscope/wiki/Importing-from-custom-sources).

/** A function, how often it was found, and what it called. */
interface Frame {
  name: string;
  samples: number;
  calls: Map<string, Frame>;
}

type Stacks = Readonly<Record<string, number>>;

const rowHeight = 18;
const width = 1_200;
const margin = 10;
const titleHeight = 40;
/** What is narrower is left out: nobody could point at it. */
const leastWidth = 0.3;
const charWidth = 6.6;
const deepest = 400;

/**
 * An SVG of stacks: a row for each depth, the outermost function below, as wide as it was found
 * often. Pointing at one tells its name, its samples and its share. In light and dark.
 */
export function flameGraph(stacks: Stacks, title: string): string {
  const root = treeOf(stacks);
  const rows = Math.min(depthOf(root), deepest);
  const height = titleHeight + rows * rowHeight + margin;
  const boxes: string[] = [];
  const perSample = root.samples === 0 ? 0 : (width - 2 * margin) / root.samples;
  const draw = (frame: Frame, x: number, depth: number) => {
    let left = x;
    const calls = [...frame.calls.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const call of calls) {
      const wide = call.samples * perSample;
      if (wide >= leastWidth && depth < deepest) {
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
  { name, samples }: Frame,
  { x, y, wide }: { x: number; y: number; wide: number },
  root: Frame,
): string {
  const share = ((100 * samples) / root.samples).toFixed(1);
  const room = Math.floor((wide - 6) / charWidth);
  const label = room < 3 ? "" : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
  const place = `x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}"`;
  const text = label && `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`;
  return (
    `<g><title>${escaped(name)}: ${samples} samples, ${share} %</title>` +
    `<rect ${place} fill="${colorOf(name)}"/>${text}</g>`
  );
}

/** The same for the same name, among warm colours. */
function colorOf(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return `hsl(${hash % 50} 85% ${60 + (hash % 15)}%)`;
}

const escaped = (text: string) =>
  text
    // What XML has no form for.
    .replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD]/g, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

function treeOf(stacks: Stacks): Frame {
  const root: Frame = { name: "", samples: 0, calls: new Map() };
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

function depthOf(root: Frame): number {
  let depth = 0;
  for (let row = [...root.calls.values()]; row.length > 0; depth++) {
    row = row.flatMap(({ calls }) => [...calls.values()]);
  }
  return depth;
}

/** The file that speedscope opens: one "sampled" profile, a sample a millisecond. */
export function speedscope(stacks: Stacks, title: string): object {
  const places = new Map<string, number>();
  const samples: number[][] = [];
  const weights: number[] = [];
  for (const [stack, count] of Object.entries(stacks)) {
    samples.push(
      stack.split("\n").map((name) => {
        const place = places.get(name) ?? places.size;
        places.set(name, place);
        return place;
      }),
    );
    weights.push(count);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "pdoflow",
    name: title,
    shared: { frames: [...places.keys()].map((name) => ({ name })) },
    profiles: [
      {
        ...{ type: "sampled", name: title, unit: "milliseconds" },
        ...{ startValue: 0, endValue: total, samples, weights },
      },
    ],
  };
}
