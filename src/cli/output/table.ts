import { type Color, type Paint, painter } from "./color.ts";

export interface TableStyle {
  /** The width of the terminal. Null for a pipe: nothing is cut. */
  width: number | null;
  paint: Paint;
  /** The colour of a cell, by its text. */
  colorOf?: (cell: string) => Color | null;
}

const plain: TableStyle = { width: null, paint: painter(false) };
/** No column is cut to fewer characters. */
const minWidth = 4;
/** Texts are cut to this before the header of another column is. */
const textWidth = 12;
/** Columns with numbers, and these, show their cells whole: only their header is cut. */
const wholeColumns = new Set(["posting", "job", "pool", "state"]);
/** A pipe shows longer cells whole, but pads no other row to their width. */
const maxPadding = 300;

/**
 * Aligned columns without borders, below a header line; numbers are right-aligned. A pipe gets
 * plain numbers. A terminal gets numbers with commas and lines that fit: the widest texts are cut,
 * but no number, id or state. If cutting is not enough, each row is printed as several lines of a
 * name and its value.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  style: TableStyle = plain,
): string {
  const { width, paint } = style;
  const limit = Math.max(maxPadding, width ?? 0);
  const show = (cell: string | number) =>
    typeof cell === "string"
      ? oneLine(width === null ? cell : shortened(cell, width))
      : width === null
        ? `${cell}`
        : cell.toLocaleString("en");
  const cells = rows.map((row) => row.map(show));
  const isNumber = header.map(
    (_name, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"),
  );
  const widths = fitted(
    header.map((name, column) => {
      const widest = cells.reduce(
        (most, row) => Math.max(most, Math.min(limit, widthOf(row[column]))),
        0,
      );
      const isWhole = isNumber[column] === true || wholeColumns.has(name);
      return { name: Bun.stringWidth(name), cells: widest, isWhole };
    }),
    width,
  );
  const colorOf = style.colorOf ?? (() => null);
  if (width !== null && rows.length > 0 && totalOf(widths) > width) {
    return cells.map((row) => upright(header, row, { width, paint, colorOf })).join("\n\n");
  }
  const line = (row: readonly string[], colorOf: (cell: string) => Color | null) =>
    row
      .map((cell, column) => {
        const cut = width === null ? cell : cutTo(cell, widths[column] ?? 0);
        const color = colorOf(cell);
        const shown = color === null ? cut : paint(color, cut);
        const space = " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cut)));
        return isNumber[column] ? space + shown : shown + space;
      })
      .join("  ")
      .trimEnd();
  return [line(header, () => "bold"), ...cells.map((row) => line(row, colorOf))].join("\n");
}

/** One row as lines of a name and its value. */
function upright(
  header: readonly string[],
  row: readonly string[],
  { width, paint, colorOf }: Required<TableStyle> & { width: number },
): string {
  const nameWidth = Math.max(...header.map((name) => Bun.stringWidth(name)));
  return header
    .map((name, column) => {
      const space = " ".repeat(nameWidth - Bun.stringWidth(name) + 2);
      const cell = row[column] ?? "";
      const cut = cutTo(cell, Math.max(width - nameWidth - 2, minWidth));
      const color = colorOf(cell);
      return `${paint("bold", name)}${space}${color === null ? cut : paint(color, cut)}`.trimEnd();
    })
    .join("\n");
}

/** Cuts a long cell early, to the maximum that a line of the terminal can show. */
const shortened = (cell: string, width: number) =>
  cell.length > 16 * width + 100 ? `${cell.slice(0, 16 * width)}…` : cell;

const widthOf = (cell: string | undefined) => Bun.stringWidth(cell ?? "");

/** The width of a line. */
const totalOf = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width + 2, -2);

/** Replaces line breaks and control characters in a cell. */
const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, " ");

interface ColumnWidth {
  name: number;
  cells: number;
  isWhole: boolean;
}

/** The widths of columns, cut until the line fits: texts first, then headers, then texts again. */
function fitted(columns: readonly ColumnWidth[], limit: number | null): number[] {
  const fit = columns.map(({ name, cells }) => Math.max(name, cells));
  if (limit === null) return fit;
  const most = [...fit];
  const whole = columns.map(({ cells }) => Math.max(minWidth, cells));
  const floorsOf = (text: number, ofWhole: readonly number[]) =>
    columns.map(({ isWhole }, column) => (isWhole ? (ofWhole[column] ?? 0) : text));
  cutWidest(fit, floorsOf(textWidth, most), limit);
  cutWidest(fit, floorsOf(textWidth, whole), limit);
  cutWidest(fit, floorsOf(minWidth, whole), limit);
  return fit;
}

/** Cuts the widest columns until the line fits, or all are as narrow as they may be. */
function cutWidest(fit: number[], floors: readonly number[], limit: number): void {
  const canCut = (column: number) => (fit[column] ?? 0) > (floors[column] ?? 0);
  for (let excess = totalOf(fit) - limit; excess > 0; excess = totalOf(fit) - limit) {
    const [widest, next] = [...fit.keys()]
      .filter(canCut)
      .toSorted((a, b) => (fit[b] ?? 0) - (fit[a] ?? 0));
    if (widest === undefined) return;
    const width = fit[widest] ?? 0;
    const nextWidth = next === undefined ? 0 : (fit[next] ?? 0);
    fit[widest] = Math.max(
      floors[widest] ?? 0,
      Math.min(width - 1, Math.max(nextWidth, width - excess)),
    );
  }
}

/** A text that fits into `width` columns of a terminal. */
export function cutTo(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let cut = "";
  for (const character of text) {
    if (Bun.stringWidth(cut + character) >= width) break;
    cut += character;
  }
  return `${cut}…`;
}
