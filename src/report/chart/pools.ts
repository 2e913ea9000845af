import type { PoolLine, Timeline } from "../figures.ts";
import { type Content, html, type Html } from "../html.ts";
import { counted, cut } from "../text.ts";
import { timeTicks } from "./axis.ts";
import { chartWidth, px, svg, xAxis } from "./frame.ts";

const [left, right, rowHeight] = [168, 150, 34] as const;
const plotWidth = chartWidth - left - right;
const plotHeight = 22;

/** The busy workers of each pool over time: a row for each pool, as high as its workers. */
export function poolChart({ startAt, endAt, pools }: Timeline): Html {
  const [fromMs, toMs] = [startAt.getTime(), endAt.getTime()];
  const rows = pools.map((pool, i) => row(pool, i * rowHeight + 4, { fromMs, toMs }));
  const area = { left, top: 0, width: plotWidth, height: pools.length * rowHeight + 2 };
  return svg(area.height + 28, "Busy workers of each pool over time", [
    rows,
    xAxis(area, timeTicks(fromMs, toMs, 6)),
  ]);
}

function row(pool: PoolLine, top: number, period: { fromMs: number; toMs: number }): Content {
  const { id, host, pid, slots, busy } = pool;
  const base = top + plotHeight;
  const most = Math.max(slots ?? 0, ...busy, 1e-9);
  const name = id === null ? "other pools" : host === null ? `pool ${id}` : `${host}, pid ${pid}`;
  const present = presence(pool, period);
  const share = sum(busy) / Math.max(busy.length * present.share * (slots ?? 0), 1e-9);
  const note =
    slots === null || present.share === 0
      ? ""
      : `${counted(slots, "worker")}, ${Math.min(100, Math.round(100 * share))} % busy`;
  const frame =
    slots === null
      ? null
      : html`<rect
          class="room"
          x="${px(left + plotWidth * present.from)}"
          y="${px(top)}"
          width="${px(Math.max(1, plotWidth * present.share))}"
          height="${plotHeight}"
        />`;
  return html`<g
    >${frame}<path class="busy" d="${steps(busy, most, base)}" /><text
      class="label"
      x="${left - 10}"
      y="${px(base - 6)}"
      text-anchor="end"
      >${cut(name, 24)}</text
    ><text class="tick" x="${left + plotWidth + 10}" y="${px(base - 6)}">${note}</text
    ><title>${name}</title></g
  >`;
}

/** The part of the period in which a pool was there. */
function presence(
  { startedAt, endedAt }: PoolLine,
  { fromMs, toMs }: { fromMs: number; toMs: number },
) {
  const at = (ms: number) => Math.min(1, Math.max(0, (ms - fromMs) / Math.max(toMs - fromMs, 1)));
  const from = startedAt === null ? 0 : at(startedAt.getTime());
  const to = endedAt === null ? 1 : at(endedAt.getTime());
  return { from, share: Math.max(0, to - from) };
}

/** An area with a step for each bin; bins of one value in a row are one step. */
function steps(values: readonly number[], most: number, base: number): string {
  const step = plotWidth / Math.max(values.length, 1);
  let path = `M${left} ${px(base)}`;
  let before = "";
  for (const [i, value] of values.entries()) {
    const y = px(base - (plotHeight * value) / most);
    if (y !== before) path += `H${px(left + i * step)}V${y}`;
    before = y;
  }
  return `${path}H${px(left + plotWidth)}V${px(base)}Z`;
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
