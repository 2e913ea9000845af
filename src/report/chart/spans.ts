import type { PostingFigures } from "../figures.ts";
import { type Content, html, type Html } from "../html.ts";
import { cut, durationText } from "../text.ts";
import { timeTicks } from "./axis.ts";
import { chartWidth, px, svg, xAxis } from "./frame.ts";

const [left, right, rowHeight] = [168, 96, 22] as const;
const plotWidth = chartWidth - left - right;

/** When each posting waited and ran: a row for each. */
export function spanChart(
  postings: readonly PostingFigures[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Html {
  const xOf = (ms: number) =>
    left + plotWidth * Math.min(1, Math.max(0, (ms - fromMs) / Math.max(toMs - fromMs, 1)));
  const rows = postings.map((posting, i) => row(posting, i * rowHeight, xOf, toMs));
  const area = { left, top: 0, width: plotWidth, height: postings.length * rowHeight + 4 };
  return svg(area.height + 28, "When each posting waited and ran", [
    rows,
    xAxis(area, timeTicks(fromMs, toMs, 6)),
  ]);
}

/** The name of a posting in a report with several. */
export const labelOf = ({ id, stage, name }: PostingFigures): string =>
  stage ?? (name === null ? `posting ${id}` : `${name}, ${id}`);

function row(
  posting: PostingFigures,
  top: number,
  xOf: (ms: number) => number,
  nowMs: number,
): Content {
  const { postedAt, startedAt, endedAt, jobs } = posting;
  const middle = px(top + rowHeight / 2);
  const startX = xOf(startedAt?.getTime() ?? nowMs);
  const endX = xOf(endedAt?.getTime() ?? nowMs);
  const className = jobs.failed > 0 ? "failed" : endedAt === null ? "running" : "done";
  const bar =
    startedAt === null
      ? null
      : html`<rect
          class="${className}"
          x="${px(startX)}"
          y="${px(top + 5)}"
          width="${px(Math.max(1.5, endX - startX))}"
          height="${rowHeight - 10}"
        />`;
  const ms = (endedAt?.getTime() ?? nowMs) - (startedAt?.getTime() ?? nowMs);
  const note = startedAt === null ? "" : durationText(ms);
  return html`<g
    ><line
      class="wait"
      x1="${px(xOf(postedAt.getTime()))}"
      x2="${px(startX)}"
      y1="${middle}"
      y2="${middle}"
    />${bar}<text class="label" x="${left - 10}" y="${middle}" dy=".32em" text-anchor="end"
      >${cut(labelOf(posting), 24)}</text
    ><text class="tick" x="${left + plotWidth + 10}" y="${middle}" dy=".32em">${note}</text
    ><title>${labelOf(posting)}</title></g
  >`;
}
