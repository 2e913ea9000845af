import type { Palette, Tone } from "./palette.ts";
import { clusters, isSimple } from "./text.ts";

/** A piece of a line. */
export interface Span {
  text: string;
  tone?: Tone;
}

/** One row of the screen, as a view returns it. */
export interface Line {
  spans: readonly Span[];
  /** The row that keys act on, shown in reverse. */
  isChosen?: boolean;
}

export interface Size {
  columns: number;
  rows: number;
}

/** One column of one row. The second column of a wide character has no text. */
export interface Cell {
  text: string;
  sgr: string;
}

/** The whole screen: a cell for each position of the terminal. */
export interface Frame extends Size {
  cells: readonly (readonly Cell[])[];
}

export const line = (...spans: readonly (Span | string)[]): Line => ({
  spans: spans.map((span) => (typeof span === "string" ? { text: span } : span)),
});

/** The text of a line, without its colours. */
export const textOf = ({ spans }: Line): string =>
  spans
    .map(({ text }) => text)
    .join("")
    .trimEnd();

export interface Style {
  palette: Palette;
  /** Whether the terminal knows more than ASCII. */
  isUtf8: boolean;
}

/** Puts lines on a screen: long lines are cut off, missing ones are blank. */
export function frameOf(lines: readonly Line[], size: Size, style: Style): Frame {
  const cells = Array.from({ length: size.rows }, (_, row) =>
    cellsOf(lines[row] ?? { spans: [] }, size.columns, style),
  );
  return { ...size, cells };
}

/** ASCII for the few other characters that views use. */
const asciiForms: Readonly<Record<string, string>> = { "…": "~", "·": ".", "×": "x" };

const shownAs = (text: string, { isUtf8 }: Style): string =>
  isUtf8 || (text.length === 1 && text <= "~") ? text : (asciiForms[text] ?? "?");

/** The text of progress bars and curves. */
const bars = /^[\u2581-\u2588\u2591]+$/;

function cellsOf({ spans, isChosen = false }: Line, columns: number, style: Style): Cell[] {
  const cells: Cell[] = [];
  const { chosen } = style.palette;
  const sgrOf = (tone: Tone) => {
    const sgr = style.palette[tone];
    return isChosen ? (sgr === "" ? chosen : `${sgr};${chosen}`) : sgr;
  };
  // A bar in reverse would show the opposite.
  const plainBars = isChosen && chosen === "7";
  for (const { text, tone = "plain" } of spans) {
    const sgr = sgrOf(tone);
    if (isSimple(text)) {
      // The fast path, for nearly all text.
      const sgrOfText = plainBars && bars.test(text) ? style.palette[tone] : sgr;
      for (let at = 0; at < text.length && cells.length < columns; at++) {
        const letter = text[at] ?? " ";
        cells.push({ text: shownAs(letter, style), sgr: sgrOfText });
      }
      continue;
    }
    for (const cluster of clusters(text)) {
      if (cells.length + cluster.width > columns) break;
      cells.push({ text: shownAs(cluster.text, style), sgr });
      if (cluster.width === 2) cells.push({ text: style.isUtf8 ? "" : " ", sgr });
    }
  }
  const blank = { text: " ", sgr: isChosen ? chosen : "" };
  while (cells.length < columns) cells.push(blank);
  return cells;
}
