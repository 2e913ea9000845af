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
/** A pipe shows longer cells whole, but pads no other row to their width. */
const maxPadding = 300;

/**
 * Aligned columns without borders, below a header line; numbers are right-aligned. A pipe gets
 * plain numbers. A terminal gets numbers with commas and lines that fit: the widest columns are
 * cut. If cutting is not enough, each row is printed as several lines of name and value.
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
  const widths = fitted(
    header.map((name, column) =>
      cells.reduce(
        (widest, row) => Math.max(widest, Math.min(limit, widthOf(row[column]))),
        Bun.stringWidth(name),
      ),
    ),
    width,
  );
  const colorOf = style.colorOf ?? (() => null);
  if (width !== null && rows.length > 0 && totalOf(widths) > width) {
    return cells.map((row) => upright(header, row, { width, paint, colorOf })).join("\n\n");
  }
  const isNumber = header.map(
    (_name, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"),
  );
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

/** The widths of columns, with the widest cut until the line fits. */
function fitted(widths: readonly number[], limit: number | null): number[] {
  const fit = [...widths];
  if (limit === null) return fit;
  while (totalOf(fit) > limit) {
    const widest = fit.indexOf(Math.max(...fit));
    const others = Math.max(...fit.filter((_width, column) => column !== widest), minWidth);
    const width = fit[widest] ?? 0;
    if (width <= minWidth) break;
    fit[widest] = Math.max(
      minWidth,
      Math.min(width - 1, Math.max(others, width - totalOf(fit) + limit)),
    );
  }
  return fit;
}

function cutTo(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let cut = "";
  for (const character of text) {
    if (Bun.stringWidth(cut + character) >= width) break;
    cut += character;
  }
  return `${cut}…`;
}
