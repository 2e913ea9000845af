export type Separation = "csv" | "tsv";

/**
 * One line of CSV (RFC 4180) or TSV, with \t, \n and \\ for what a field has of them. With
 * `isSafe`, a text that a spreadsheet would take for a formula has an apostrophe before it.
 */
export function separatedLine(kind: Separation, cells: readonly string[], isSafe: boolean): string {
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
