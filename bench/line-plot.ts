// Draws lines as SVG on logarithmic axes, for pages in light and in dark.

interface Point {
  x: number;
  y: number;
}

export interface LinePlot {
  title: string;
  xTitle: string;
  /** A line across the plot. */
  limit: { y: number; text: string };
  lines: readonly { name: string; points: readonly Point[] }[];
}

const [width, height] = [900, 380];
const area = { left: 70, right: 690, top: 44, bottom: 330 };

/** Lines differ by colour, by mark and by dashes. */
const style = `
  text { font: 13px sans-serif; fill: #24292f; } .tick { font-size: 11px; fill: #57606a; }
  .title { font-weight: bold; } .grid { stroke: #d0d7de; } .limit { stroke: #cf222e; }
  path { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 6 4; }
  .c0 { stroke: #0969da; fill: #0969da; } .c1 { stroke: #bc4c00; fill: #bc4c00; }
  .c2 { stroke: #6e7781; fill: #6e7781; } .c3 { stroke: #8250df; fill: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .tick { fill: #9198a1; } .grid { stroke: #30363d; }
    .limit { stroke: #f85149; }
    .c0 { stroke: #4493f8; fill: #4493f8; } .c1 { stroke: #f0883e; fill: #f0883e; }
    .c2 { stroke: #9198a1; fill: #9198a1; } .c3 { stroke: #a371f7; fill: #a371f7; }
  }
  path.c0, path.c1, path.c2, path.c3 { fill: none; }`;

export function linePlot({ title, xTitle, limit, lines }: LinePlot): string {
  const points = lines.flatMap((line) => line.points);
  const xs = axis(
    points.map(({ x }) => x),
    area.left,
    area.right,
  );
  const ys = axis([...points.map(({ y }) => y), limit.y], area.bottom, area.top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    `<text class="title" x="${area.left}" y="20">${title}</text>`,
    ...xs.ticks.map(
      (x) =>
        `<line class="grid" x1="${xs.at(x)}" x2="${xs.at(x)}" y1="${area.top}" ` +
        `y2="${area.bottom}"/><text class="tick" text-anchor="middle" x="${xs.at(x)}" ` +
        `y="${area.bottom + 16}">${x.toLocaleString("en")}</text>`,
    ),
    ...ys.ticks.map(
      (y) =>
        `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${ys.at(y)}" ` +
        `y2="${ys.at(y)}"/><text class="tick" text-anchor="end" x="${area.left - 6}" ` +
        `y="${ys.at(y) + 4}">${y.toLocaleString("en")}</text>`,
    ),
    `<text x="${(area.left + area.right) / 2}" y="${height - 14}">${xTitle}</text>`,
    `<line class="limit" x1="${area.left}" x2="${area.right}" y1="${ys.at(limit.y)}" ` +
      `y2="${ys.at(limit.y)}"/><text x="${area.right + 8}" y="${ys.at(limit.y) + 4}">` +
      `${limit.text}</text>`,
    ...lines.flatMap((line, index) => drawn(line, index, xs.at, ys.at)),
    "</svg>",
    "",
  ].join("\n");
}

function drawn(
  { name, points }: LinePlot["lines"][number],
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string[] {
  const colour = `c${index}`;
  const path = points.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.x)} ${y(p.y)}`).join("");
  const legendY = area.bottom - 80 + index * 20;
  const dashes = index >= 2 ? " dashed" : "";
  return [
    `<path class="${colour}${dashes}" d="${path}"/>`,
    ...points.map((p) => `<circle class="${colour}" cx="${x(p.x)}" cy="${y(p.y)}" r="4"/>`),
    `<path class="${colour}${dashes}" d="M${area.right + 20} ${legendY}h30"/>`,
    `<text x="${area.right + 58}" y="${legendY + 4}">${name}</text>`,
  ];
}

/** A logarithmic axis over whole powers of ten. */
function axis(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values))), low + 1);
  const at = (value: number) =>
    Math.round((from + ((Math.log10(value) - low) / (high - low)) * (to - from)) * 10) / 10;
  return { at, ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}
