import type { Cell, Frame } from "./frame.ts";

const escape = "\u001b";
/** Characters of the same width on all terminals: ASCII, lines, blocks and Braille. */
const certain = /^[ -~\u2500-\u259f\u2800-\u28ff]$/;
/** A gap of unchanged cells up to this width is cheaper to write again than to skip. */
const shortGap = 4;

/**
 * The text that makes a terminal showing `before` show `after`. If the sizes differ, or `before` is
 * unknown, the screen is drawn whole.
 */
export function paint(before: Frame | null, after: Frame): string {
  const known =
    before && before.columns === after.columns && before.rows === after.rows ? before : null;
  const parts = after.cells.map((row, y) => paintRow(known?.cells[y] ?? null, row, y));
  const drawn = parts.join("");
  if (known !== null) return drawn === "" ? "" : `${drawn}${escape}[0m`;
  return `${escape}[0m${escape}[2J${drawn}${escape}[0m`;
}

function paintRow(before: readonly Cell[] | null, row: readonly Cell[], y: number): string {
  let text = "";
  let sgr: string | null = null;
  /** The cursor's column; null after a character whose width is uncertain. */
  let cursor: number | null = null;
  for (let x = 0; x < row.length; x++) {
    const cell = row[x];
    if (!cell || cell.text === "" || !isChanged(before, row, x)) continue;
    const from: number = cursor !== null && x - cursor <= shortGap ? cursor : x;
    if (cursor === null || from === x) {
      if (cursor !== x) text += `${escape}[${y + 1};${x + 1}H`;
    }
    for (let at = from; at <= x; at++) {
      const each = row[at];
      if (!each || each.text === "") continue;
      if (each.sgr !== sgr) {
        text += `${escape}[0${each.sgr === "" ? "" : `;${each.sgr}`}m`;
        sgr = each.sgr;
      }
      text += each.text;
    }
    const isPlain = row.slice(from, x + 1).every((each) => certain.test(each.text));
    cursor = isPlain ? x + 1 : null;
  }
  return text;
}

/** Whether a character differs, or the second half of a wide one. */
function isChanged(before: readonly Cell[] | null, row: readonly Cell[], x: number): boolean {
  if (before === null) return row[x]?.text !== " " || row[x]?.sgr !== "";
  const differs = (at: number) =>
    before[at]?.text !== row[at]?.text || before[at]?.sgr !== row[at]?.sgr;
  return differs(x) || (row[x + 1]?.text === "" && differs(x + 1));
}
