import type { Line, Span } from "./frame.ts";
import type { Glyphs } from "./glyphs.ts";
import { cut, fit, widthOf } from "./text.ts";

export interface Column<Row> {
  title: string;
  /** Columns of the terminal; the one that is flexible takes what is left, but no less. */
  width: number;
  isFlexible?: true;
  /** Where there is no room, the columns with the highest rank go first; those with 0 stay. */
  rank: number;
  side?: "left" | "right";
  cell: (row: Row, width: number) => Span | readonly Span[];
  /** What rows are sorted by. */
  order: (row: Row) => number | string;
}

const gap = 1;

/** The columns that fit, with their widths. */
export function fittingColumns<Row>(
  columns: readonly Column<Row>[],
  width: number,
): { column: Column<Row>; width: number }[] {
  let kept = [...columns];
  const needed = () => kept.reduce((sum, column) => sum + column.width + gap, -gap);
  while (needed() > width) {
    const rank = Math.max(...kept.map((column) => column.rank));
    if (rank === 0) break;
    kept = kept.filter((column) => column !== kept.findLast((each) => each.rank === rank));
  }
  let spare = Math.max(0, width - needed());
  let flexible = kept.filter(({ isFlexible }) => isFlexible).length;
  return kept.map((column) => {
    if (!column.isFlexible) return { column, width: column.width };
    const part = Math.ceil(spare / flexible);
    spare -= part;
    flexible -= 1;
    return { column, width: column.width + part };
  });
}

export interface Choice {
  isChosen: boolean;
  isMarked: boolean;
}

/** How many columns stand before a row, for what says that it is chosen or marked. */
const gutter = 2;

export class Table<Row> {
  readonly #columns: { column: Column<Row>; width: number }[];
  readonly #glyphs: Glyphs;

  constructor(columns: readonly Column<Row>[], width: number, glyphs: Glyphs) {
    this.#columns = fittingColumns(columns, width - gutter);
    this.#glyphs = glyphs;
  }

  header(sortedBy: Column<Row> | undefined, isReversed: boolean): Line {
    const spans = this.#columns.flatMap(({ column, width }, at): Span[] => {
      const isSorted = column === sortedBy;
      const title = isSorted ? `${column.title} ${isReversed ? "^" : "v"}` : column.title;
      return [
        { text: at === 0 ? " ".repeat(gutter) : " ".repeat(gap) },
        { text: fit(title, width, column.side), tone: isSorted ? "title" : "strong" },
      ];
    });
    return { spans };
  }

  row(row: Row, { isChosen, isMarked }: Choice): Line {
    const { chosen, marked } = this.#glyphs;
    const spans = this.#columns.flatMap(({ column, width }, at): Span[] => {
      const cell = column.cell(row, width);
      const parts = Array.isArray(cell) ? (cell as readonly Span[]) : [cell as Span];
      return [
        ...(at === 0 ? [] : [{ text: " ".repeat(gap) }]),
        ...this.#fitted(parts, width, column.side),
      ];
    });
    const mark = `${isChosen ? chosen : " "}${isMarked ? marked : " "}`;
    return { isChosen, spans: [{ text: mark, tone: "strong" }, ...spans] };
  }

  #fitted(parts: readonly Span[], width: number, side: "left" | "right" = "left"): Span[] {
    let left = width;
    const shown: Span[] = [];
    for (const part of parts) {
      const text = cut(part.text, left, this.#glyphs.more);
      left -= widthOf(text);
      shown.push({ ...part, text });
    }
    const space = { text: " ".repeat(Math.max(0, left)) };
    return side === "left" ? [...shown, space] : [space, ...shown];
  }
}
