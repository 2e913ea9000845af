import { InvalidInput } from "../domain/errors.ts";

export type Separation = "csv" | "tsv";
type Row = Readonly<Record<string, unknown>>;

/**
 * Rows as CSV (RFC 4180) or TSV (with \t, \n and \\ where a field has them), the columns those of
 * the first rows. A later row that has more is an error: nothing is left out silently.
 */
export class Separated {
  readonly #kind: Separation;
  #columns: readonly string[] | null = null;

  constructor(kind: Separation) {
    this.#kind = kind;
  }

  /** The lines of some rows; before the first ones, the header. */
  lines(rows: readonly Row[]): string {
    if (rows.length === 0) return "";
    const isFirst = this.#columns === null;
    const columns = (this.#columns ??= [...new Set(rows.flatMap((row) => Object.keys(row)))]);
    const known = new Set(columns);
    for (const row of rows) {
      const unknown = Object.keys(row).find((name) => !known.has(name));
      if (unknown !== undefined) {
        throw new InvalidInput("results", [
          `a later one has a field "${unknown}" that the first ones lack; use NDJSON for these`,
        ]);
      }
    }
    const lines = rows.map((row) => columns.map((name) => cellOf(row[name])));
    return [...(isFirst ? [[...columns]] : []), ...lines].map((line) => this.#line(line)).join("");
  }

  #line(cells: readonly string[]): string {
    return this.#kind === "csv"
      ? `${cells.map(quoted).join(",")}\r\n`
      : `${cells.map(escaped).join("\t")}\n`;
  }
}

/** Nothing for null and undefined, text and numbers as they are, all else as JSON. */
function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  return JSON.stringify(value) ?? "";
}

const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};
const escaped = (cell: string) => cell.replace(/[\\\t\n\r]/g, (found) => escapes[found] ?? found);
