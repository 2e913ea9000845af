import type { Line, Span } from "./frame.ts";
import type { Glyphs } from "./glyphs.ts";
import { cut, cutStart, fit, widthOf } from "./text.ts";

export interface Column<Row> {
  title: string;
  /** The least width, in columns of the terminal. */
  width: number;
  /**
   * The width this column would like for a row. A column without it keeps its least width, so that
   * the layout is stable while its numbers change.
   */
  wants?: (row: Row) => number;
  /** Whether it always gets the width it would like: a part of an id is another id. */
  isWhole?: boolean;
  /** The widest that other columns make room for. The column may still grow into unused space. */
  widest?: number;
  /** The order in which columns are dropped: the highest rank first, rank 0 never. */
  rank: number;
  side?: "left" | "right";
  /** Which end of a text that is too long is cut off (default: the end). */
  cuts?: "start";
  cell: (row: Row, width: number) => Span | readonly Span[];
  /** The value that rows are sorted by. */
  order: (row: Row) => number | string;
}

export interface FittedColumn<Row> {
  column: Column<Row>;
  width: number;
}

const gap = 1;
/** Columns above this rank are shown only if no text has to be cut to make room for them. */
const lastNeededRank = 6;
const defaultWidest = 32;

/** Chooses the columns that fit, and divides the spare width among columns that need more. */
export function fittingColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): FittedColumn<Row>[] {
  const wanted = new Map(columns.map((column) => [column, wantedWidth(column, rows)] as const));
  const want = (column: Column<Row>) => wanted.get(column) ?? column.width;
  const least = (column: Column<Row>) => (column.isWhole ? want(column) : column.width);
  const most = (column: Column<Row>) => Math.min(want(column), column.widest ?? defaultWidest);
  const total = (kept: readonly Column<Row>[], widthOfColumn: (column: Column<Row>) => number) =>
    kept.reduce((sum, column) => sum + Math.max(least(column), widthOfColumn(column)) + gap, -gap);
  let kept = [...columns];
  for (;;) {
    const rank = Math.max(...kept.map((column) => column.rank));
    const needed = total(kept, rank > lastNeededRank ? most : least);
    if (rank === 0 || needed <= width) break;
    kept = kept.filter((column) => column !== kept.findLast((each) => each.rank === rank));
  }
  const spare = Math.max(0, width - total(kept, least));
  const extra = shared(
    kept.map((column) => Math.max(0, most(column) - least(column))),
    spare,
  );
  const rest = spare - extra.reduce((sum, each) => sum + each, 0);
  const more = shared(
    kept.map((column, at) => Math.max(0, want(column) - least(column) - (extra[at] ?? 0))),
    rest,
  );
  return kept.map((column, at) => ({
    column,
    width: least(column) + (extra[at] ?? 0) + (more[at] ?? 0),
  }));
}

/** The width of the widest row, and no less than that of the title. */
function wantedWidth<Row>({ title, width, wants }: Column<Row>, rows: readonly Row[]): number {
  if (!wants) return width;
  let widest = Math.max(width, title.length);
  for (const row of rows) widest = Math.max(widest, wants(row));
  return widest;
}

/** Divides spare columns: columns that want little get all of it, the others get equal parts. */
function shared(wanted: readonly number[], spare: number): number[] {
  const given = wanted.map(() => 0);
  let left = spare;
  let open = wanted.filter((width) => width > 0).length;
  for (const at of wanted
    .keys()
    .toArray()
    .sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))) {
    const width = wanted[at] ?? 0;
    if (width <= 0) continue;
    const part = Math.min(width, Math.floor(left / open));
    given[at] = part;
    left -= part;
    open -= 1;
  }
  return given;
}

export interface Choice {
  isChosen: boolean;
  isMarked: boolean;
}

/** Columns before each row for the signs that it is chosen or marked. */
const gutter = 2;

export class Table<Row> {
  readonly #columns: FittedColumn<Row>[];
  readonly #glyphs: Glyphs;

  constructor(
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    { width, glyphs }: { width: number; glyphs: Glyphs },
  ) {
    this.#columns = fittingColumns(columns, rows, width - gutter);
    this.#glyphs = glyphs;
  }

  header(sortedBy: Column<Row> | undefined, isReversed: boolean): Line {
    const spans = this.#columns.flatMap(({ column, width }, at): Span[] => {
      const before = { text: " ".repeat(at === 0 ? gutter : gap) };
      if (column !== sortedBy) {
        return [before, { text: fit(column.title, width, column.side), tone: "strong" }];
      }
      const arrow = isReversed ? this.#glyphs.ascending : this.#glyphs.descending;
      // The arrow stands apart from the title, and is seen in a narrow column too.
      const title = width > column.title.length + 1 ? `${column.title} ` : column.title;
      const text = `${cut(title, width - 1, "")}${arrow}`;
      return [before, { text: fit(text, width, column.side), tone: "title" }];
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
        ...this.#fitted(parts, width, column),
      ];
    });
    const mark = `${isChosen ? chosen : " "}${isMarked ? marked : " "}`;
    return { isChosen, spans: [{ text: mark, tone: "strong" }, ...spans] };
  }

  #fitted(parts: readonly Span[], width: number, { side, cuts }: Column<Row>): Span[] {
    let left = width;
    const shown: Span[] = [];
    for (const part of parts) {
      const text = (cuts === "start" ? cutStart : cut)(part.text, left, this.#glyphs.more);
      left -= widthOf(text);
      shown.push({ ...part, text });
    }
    const space = { text: " ".repeat(Math.max(0, left)) };
    return side === "right" ? [space, ...shown] : [...shown, space];
  }
}
