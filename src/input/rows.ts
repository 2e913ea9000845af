import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** A row of a table, and the number of its first line, from 1. */
export interface Row {
  cells: string[];
  line: number;
  /** Whether the line is empty. */
  isBlank?: boolean;
}

/** A quoted cell is not closed, or continues after its closing quote. */
export class MisplacedQuote extends PdoflowError {
  override readonly name = "MisplacedQuote";
  readonly exitCode = exitCodes.usage;
  constructor(location: string, expected: string, found: string) {
    super(`${location}: expected ${expected}, found ${found}. Write "" for a quote inside quotes.`);
  }
}

/** A longer row probably lacks a closing quote. */
const rowMax = 16 * 1024 * 1024;

/** Splits CSV (RFC 4180), or the same with another separator, into rows of cells. */
export class Rows {
  readonly #name: string;
  readonly #separator: string;
  #buffer = "";
  #line = 1;

  constructor(name: string, separator: string) {
    this.#name = name;
    this.#separator = separator;
  }

  /** The rows that end in `text`, including an unfinished one if it `isLast`. */
  read(text: string, isLast: boolean): Row[] {
    const all = this.#buffer + text;
    const rows: Row[] = [];
    let at = 0;
    while (at < all.length) {
      const newline = all.indexOf("\n", at);
      if (newline === -1 && !isLast) break;
      const end = newline === -1 ? all.length : newline;
      const line = all.slice(at, all.charAt(end - 1) === "\r" && end > at ? end - 1 : end);
      if (!line.includes('"')) {
        const row = { cells: line.split(this.#separator), line: this.#line };
        rows.push(line === "" ? { ...row, isBlank: true } : row);
        this.#line += 1;
        at = end + 1;
        continue;
      }
      const found = this.#quotedRow(all, at, isLast);
      if (found === undefined) break;
      rows.push({ cells: found.cells, line: this.#line });
      this.#line += all.slice(at, found.next).split("\n").length - 1;
      at = found.next;
    }
    this.#buffer = all.slice(at);
    if (this.#buffer.length > rowMax) {
      const location = `${this.#name}: line ${this.#line}`;
      throw new MisplacedQuote(location, "the end of the row", "more than 16 MiB");
    }
    return rows;
  }

  /** The row at `start` and the index of the next one; undefined if it continues. */
  #quotedRow(all: string, start: number, isLast: boolean) {
    const cells: string[] = [];
    let at = start;
    for (;;) {
      const { cell, end } = this.#cell(all, at, start, isLast) ?? {};
      if (cell === undefined || end === undefined) return undefined;
      cells.push(cell);
      if (all.charAt(end) === this.#separator) at = end + 1;
      else return { cells, next: all.charAt(end) === "\r" ? end + 2 : end + 1 };
    }
  }

  /** The cell that begins at `at`, and the index of the separator or line break behind it. */
  #cell(all: string, at: number, rowStart: number, isLast: boolean) {
    if (all.charAt(at) !== '"') {
      const { index = isLast ? all.length : -1 } = this.#endOfCell(all, at);
      return index === -1 ? undefined : { cell: all.slice(at, index), end: index };
    }
    let cell = "";
    for (let from = at + 1; ;) {
      const quote = all.indexOf('"', from);
      if (quote === -1) {
        if (!isLast) return undefined;
        throw new MisplacedQuote(
          this.#location(all, rowStart, at),
          'a second "',
          "the end of the file",
        );
      }
      cell += all.slice(from, quote);
      const next = all.charAt(quote + 1);
      // Perhaps the second of two quotes, or the first half of a line break, comes next.
      const isCut = next === "" || (next === "\r" && quote + 2 === all.length);
      if (isCut && !isLast) return undefined;
      if (next !== '"') {
        const isEnd = ["", "\n", "\r", this.#separator].includes(next);
        if (isEnd) return { cell, end: quote + 1 };
        const location = this.#location(all, rowStart, quote + 1);
        throw new MisplacedQuote(location, "the end of the cell", JSON.stringify(next));
      }
      cell += '"';
      from = quote + 2;
    }
  }

  #endOfCell(all: string, at: number): { index?: number } {
    const separator = all.indexOf(this.#separator, at);
    const newline = all.indexOf("\n", at);
    if (separator !== -1 && (newline === -1 || separator < newline)) return { index: separator };
    if (newline === -1) return {};
    return { index: all.charAt(newline - 1) === "\r" && newline > at ? newline - 1 : newline };
  }

  #location(all: string, rowStart: number, at: number): string {
    const before = all.slice(rowStart, at).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    return `${this.#name}: line ${this.#line + before.length - 1}, column ${column}`;
  }
}
