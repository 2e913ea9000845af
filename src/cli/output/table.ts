import { type Color, type Paint, painter } from "./color.ts";

export interface TableStyle {
  /** Where it is for a terminal: the columns that there are. Null for a pipe: nothing is cut. */
  width: number | null;
  paint: Paint;
  /** The colour of a cell, by what it says. */
  colorOf?: (cell: string) => Color | null;
}

const plain: TableStyle = { width: null, paint: painter(false) };
/** No column is cut to fewer characters. */
const leastWidth = 4;
/** A longer cell is whole in a pipe, but no other row is padded to it: rows may be many. */
const widestPadding = 300;

/**
 * Lines of aligned columns without borders: numbers to the right, the rest to the left; a header
 * line first. A pipe gets numbers as programs read them, a terminal with commas, and lines that
 * fit: the widest column is cut. Where all of them would be cut short, each row is several lines,
 * of a name and its value.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  style: TableStyle = plain,
): string {
  const { width, paint } = style;
  const most = Math.max(widestPadding, width ?? 0);
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
        (widest, row) => Math.max(widest, Math.min(most, widthOf(row[column]))),
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
      const cut = cutTo(cell, Math.max(width - nameWidth - 2, leastWidth));
      const color = colorOf(cell);
      return `${paint("bold", name)}${space}${color === null ? cut : paint(color, cut)}`.trimEnd();
    })
    .join("\n");
}

/**
 * No more of a cell than a line of the terminal may show: one letter may be of many code units.
 * Cut before anything else is made of it.
 */
const shortened = (cell: string, width: number) =>
  cell.length > 16 * width + 100 ? `${cell.slice(0, 16 * width)}…` : cell;

const widthOf = (cell: string | undefined) => Bun.stringWidth(cell ?? "");

/** How wide a line of such columns is. */
const totalOf = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width + 2, -2);

/** A cell is one line, and has no codes that would move the cursor. */
const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, " ");

/** The widths of columns, the widest cut until all fit. */
function fitted(widths: readonly number[], most: number | null): number[] {
  const fit = [...widths];
  if (most === null) return fit;
  while (totalOf(fit) > most) {
    const widest = fit.indexOf(Math.max(...fit));
    const others = Math.max(...fit.filter((_width, column) => column !== widest), leastWidth);
    const width = fit[widest] ?? 0;
    if (width <= leastWidth) break;
    fit[widest] = Math.max(
      leastWidth,
      Math.min(width - 1, Math.max(others, width - totalOf(fit) + most)),
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
