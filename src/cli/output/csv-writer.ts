export type CsvFormat = "csv" | "tsv";

/**
 * One line of CSV (RFC 4180), or of TSV, in which tabs, line breaks and backslashes are escaped.
 * With `isSafe`, text that a spreadsheet would take for a formula starts with an apostrophe.
 */
export function csvLine(kind: CsvFormat, cells: readonly string[], isSafe: boolean): string {
  const safe = isSafe ? cells.map(withoutFormula) : cells;
  return kind === "csv" ? `${safe.map(quoted).join(",")}\r\n` : `${safe.map(escaped).join("\t")}\n`;
}

const number = /^[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)$/;
const withoutFormula = (cell: string): string =>
  /^[=+\-@\t\r\n]/.test(cell) && !number.test(cell) ? `'${cell}` : cell;

const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};
const escaped = (cell: string) => cell.replace(/[\\\t\n\r]/g, (found) => escapes[found] ?? found);
