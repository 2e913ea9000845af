import type { FlowFigures, StageFigures } from "../figures.ts";
import { type Content, html, type Html } from "../html.ts";
import { counted, cut, numberText, percentText } from "../text.ts";
import { chartWidth, px } from "./frame.ts";
import { layersOf } from "./layers.ts";

const [boxWidth, boxHeight, gapX, gapY] = [196, 62, 22, 34] as const;

/** A flow as a graph with one node for each stage, from top to bottom. */
export function flowGraph({ stages, graph }: FlowFigures): Html {
  const layers = layersOf(graph);
  const widest = Math.max(1, ...layers.map(({ length }) => length));
  const width = Math.max(chartWidth, widest * (boxWidth + gapX) - gapX);
  const height = layers.length * (boxHeight + gapY) - gapY + 2;
  const places = new Map<string, { x: number; y: number }>();
  for (const [i, layer] of layers.entries()) {
    const used = layer.length * (boxWidth + gapX) - gapX;
    for (const [j, { name }] of layer.entries()) {
      const x = (width - used) / 2 + j * (boxWidth + gapX);
      places.set(name, { x, y: i * (boxHeight + gapY) + 1 });
    }
  }
  const byName = new Map(stages.map((stage) => [stage.stage, stage]));
  const links = graph.flatMap(({ name, upstreams }) =>
    upstreams.map(({ stage, kind }) => link(places.get(stage), places.get(name), kind)),
  );
  const boxes = graph.map(({ name }) => box(places.get(name), byName.get(name), name));
  const label = "The stages of the flow, each below the stages that it waits for";
  // Not wider than the page unless the graph is: then it can be scrolled.
  return html`<svg
    class="graph"
    viewBox="0 0 ${px(width)} ${px(height)}"
    width="${px(width)}"
    role="img"
    aria-label="${label}"
  >
    ${links}${boxes}
  </svg>`;
}

type Place = { x: number; y: number } | undefined;

/** A line from the lower edge of a box to the upper edge of another one. */
function link(from: Place, to: Place, kind: string): Content {
  if (!from || !to) return null;
  const [x1, y1] = [from.x + boxWidth / 2, from.y + boxHeight];
  const [x2, y2] = [to.x + boxWidth / 2, to.y];
  const bend = Math.max(gapY / 2, (y2 - y1) / 2);
  const curve = [x1, y1 + bend, x2, y2 - bend, x2, y2].map(px).join(" ");
  const d = `M${px(x1)} ${px(y1)}C${curve}`;
  const isPlain = kind === "after";
  return html`<path class="${isPlain ? "link" : "link other"}" d="${d}"
    ><title>${kind}</title></path
  >`;
}

function box(place: Place, stage: StageFigures | undefined, name: string): Content {
  if (!place || !stage) return null;
  const { x, y } = place;
  const { jobs, jobCount, state, posting } = stage;
  const inner = boxWidth - 20;
  const share = (n: number) => (inner * n) / Math.max(jobCount, 1);
  const [done, failed] = [share(jobs.done), share(jobs.failed)];
  const barY = y + boxHeight - 11;
  const text =
    jobCount === jobs.done
      ? counted(jobCount, "job")
      : `${percentText(jobs.done, jobCount)} of ${counted(jobCount, "job")}`;
  return html`<g
    ><rect
      class="box ${state}"
      x="${px(x)}"
      y="${px(y)}"
      width="${boxWidth}"
      height="${boxHeight}"
      rx="3"
    /><text class="name" x="${px(x + 10)}" y="${px(y + 19)}">${cut(name, 25)}</text
    ><text class="tick" x="${px(x + 10)}" y="${px(y + 38)}">${text}</text
    ><text class="tick ${state}" x="${px(x + boxWidth - 10)}" y="${px(y + 38)}" text-anchor="end"
      >${state}</text
    ><rect class="track" x="${px(x + 10)}" y="${px(barY)}" width="${inner}" height="3" /><rect
      class="done"
      x="${px(x + 10)}"
      y="${px(barY)}"
      width="${px(done)}"
      height="3"
    /><rect
      class="failed"
      x="${px(x + 10 + done)}"
      y="${px(barY)}"
      width="${px(failed)}"
      height="3"
    /><title>
      ${name}: posting ${posting}, ${state}, ${numberText(jobs.done)} of ${counted(jobCount, "job")}
      done
    </title></g
  >`;
}
