import type { Glyphs } from "../../../tui/draw/glyphs.ts";
import type { Paint } from "../output/color.ts";
import type { Tick } from "./scale.ts";

/** How plots are drawn. */
export interface PlotStyle {
  /** The columns of the terminal. */
  width: number;
  glyphs: Glyphs;
  paint: Paint;
}

interface Framed {
  title: string;
  /** The drawn rows, from the top, all equally wide. */
  rows: readonly string[];
  x: readonly Tick[];
  y: readonly Tick[];
  /** What the horizontal axis shows, with its unit. */
  xName: string;
}

/** The columns that the labels of the vertical axis need, with the axis. */
export const marginOf = (y: readonly Tick[]): number =>
  Math.max(1, ...y.map(({ text }) => text.length)) + 2;

/** A plot with its axes: a title, the rows with labels at the left, the ticks below, a name. */
export function framed({ title, rows, x, y, xName }: Framed, style: PlotStyle): string[] {
  const { glyphs, paint } = style;
  const [height, width] = [rows.length, Bun.stringWidth(rows[0] ?? "")];
  const margin = marginOf(y);
  const labels = new Map(y.map(({ share, text }) => [Math.round(height * (1 - share)), text]));
  const left = (row: number) => (labels.get(row) ?? "").padStart(margin - 2);
  const placed = placedOf(x, margin, width);
  const foot = Array.from({ length: width }, (_, column) =>
    placed.some(({ at }) => at === column) ? glyphs.tick : glyphs.rule,
  ).join("");
  const below = placed.reduce((line, { start, text }) => line.padEnd(start) + text, "");
  return [
    title,
    ...rows.map(
      (row, at) => `${paint("dim", `${left(at)} ${glyphs.axis}`)}${paint("cyan", shownRow(row))}`,
    ),
    paint("dim", `${left(height)} ${glyphs.corner}${foot}`),
    paint("dim", below),
    ...(xName === "" ? [] : [paint("dim", " ".repeat(centred(margin, width, xName)) + xName)]),
  ];
}

/** Without empty Braille patterns, which some fonts draw as circles. */
const shownRow = (row: string) => row.replaceAll("\u2800", " ").trimEnd();

const centred = (margin: number, width: number, text: string) =>
  margin + Math.max(0, Math.floor((width - Bun.stringWidth(text)) / 2));

/** The ticks with room for their labels: the column of the plot, and the start of the label. */
function placedOf(ticks: readonly Tick[], margin: number, width: number) {
  const placed: { at: number; start: number; text: string }[] = [];
  let free = 0;
  for (const { share, text } of ticks) {
    const at = Math.min(width - 1, Math.max(0, Math.round(share * width)));
    const middle = margin + at - Math.floor(text.length / 2);
    const start = Math.max(0, Math.min(middle, margin + width - text.length));
    if (start < free) continue;
    placed.push({ at, start, text });
    free = start + text.length + 2;
  }
  return placed;
}
