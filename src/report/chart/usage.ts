import type { Steps } from "../../domain/usage-advice.ts";
import { html, type Html } from "../html.ts";
import { durationText, numberText, sizeText } from "../text.ts";
import { type AxisTick, linearScale } from "./axis.ts";
import { chartWidth, mark, stackedBar, svg, xAxis, yAxis } from "./frame.ts";

const area = { left: 56, top: 26, width: chartWidth - 60, height: 110 };

/** Peaks of memory have four steps for each doubling. */
const stepRatio = 2 ** 0.25;

/** Attempts by their peak of memory on a logarithmic axis, with the amount that was asked for. */
export function memoryChart(peaks: Steps, askedBytes: number | null): Html {
  const used = peaks.filter(({ weight }) => weight > 0).map(({ upTo }) => upTo);
  const all = askedBytes === null ? used : [...used, askedBytes];
  const [low, high] = [Math.min(...all) / stepRatio / 1.2, Math.max(...all) * 1.2];
  const at = (bytes: number) => Math.log(bytes / low) / Math.log(high / low);
  const ticks = Array.from({ length: 60 }, (_, power) => 2 ** power)
    .filter((bytes) => bytes >= low && bytes <= high)
    .map((bytes) => ({ at: at(bytes), label: sizeText(bytes) }));
  const every = Math.ceil(ticks.length / 9);
  const bars = peaks.map(({ upTo, weight }) => ({
    ...{ from: at(upTo / stepRatio), to: at(upTo), weight },
    title: `up to ${sizeText(upTo)}: ${numberText(weight)} attempts`,
  }));
  return barChart("Attempts by their peak of memory, on a logarithmic axis", bars, {
    ticks: ticks.filter((_, i) => i % every === 0),
    asked: askedBytes === null ? null : at(askedBytes),
    labelOf: numberText,
  });
}

/** The time of attempts by the cores that they used, with the number that was asked for. */
export function coresChart(cores: Steps, askedCpus: number): Html {
  const most = Math.max(askedCpus, ...cores.map(({ upTo }) => upTo)) * 1.05;
  const scale = linearScale(most, 8);
  const bars = cores.map(({ upTo, weight }) => ({
    ...{ from: Math.max(0, upTo - 0.1) / scale.end, to: upTo / scale.end, weight },
    title: `up to ${upTo.toFixed(1)} cores: ${durationText(weight)}`,
  }));
  return barChart("The time of attempts by the cores that they used", bars, {
    ticks: scale.ticks,
    asked: askedCpus / scale.end,
    labelOf: durationText,
  });
}

interface UsageBar {
  /** Positions from 0 to 1. */
  from: number;
  to: number;
  weight: number;
  title: string;
}

function barChart(
  title: string,
  bars: readonly UsageBar[],
  { ticks, asked, labelOf }: UsageAxis,
): Html {
  const scale = linearScale(Math.max(1e-9, ...bars.map(({ weight }) => weight)), 3);
  const drawn = bars.map(({ from, to, weight, title }) => {
    const width = Math.max(1, area.width * (to - from) - 1);
    const place = { x: area.left + area.width * from, width, end: scale.end, title };
    return stackedBar(area, place, [{ className: "busy", value: weight }]);
  });
  const values = scale.ticks.map(({ at }) => ({ at, label: labelOf(at * scale.end) }));
  return svg(area.top + area.height + 28, title, [
    yAxis(area, values),
    html`<g class="bars">${drawn}</g>`,
    asked === null ? null : mark(area, area.left + area.width * asked, "asked for", "middle"),
    xAxis(area, ticks),
  ]);
}

interface UsageAxis {
  ticks: readonly AxisTick[];
  /** The position of the amount that was asked for. */
  asked: number | null;
  labelOf: (value: number) => string;
}
