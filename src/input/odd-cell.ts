import { cellNumber, isBoolean } from "./column.ts";
import type { Row } from "./rows.ts";

/**
 * A note on the cell that made a column text although most of its cells are numbers or booleans;
 * null if most cells are text. `isMissing` is true for words that mean a missing value.
 */
export function oddCellNote(
  column: string,
  index: number,
  rows: readonly Row[],
  isMissing: (word: string) => boolean,
): string | null {
  const cells = rows.map(({ cells, line }) => ({ word: (cells[index] ?? "").trim(), line }));
  const full = cells.filter(({ word }) => !isMissing(word));
  const text = `column "${column}" is text`;
  for (const [kind, isKind] of kinds) {
    const odd = full.filter(({ word }) => !isKind(word));
    const [first] = odd;
    if (!first || odd.length >= full.length / 2) continue;
    const others = odd.length === 1 ? "" : ` and ${odd.length - 1} more`;
    return (
      `${text}, because line ${first.line} has "${shortened(first.word)}"${others}, while most ` +
      `cells are ${kind}. If it is a missing value, use --na '${first.word}'. If the column is ` +
      `text, use --types ${column}=text`
    );
  }
  const commas = full.filter(({ word }) => /^[+-]?\d+,\d+$/.test(word));
  const [first] = commas;
  if (!first || commas.length < full.length / 2) return null;
  return (
    `${text}, because line ${first.line} has "${first.word}". Write decimal numbers with a ` +
    `point. If the column is text, use --types ${column}=text`
  );
}

const kinds: readonly [string, (word: string) => boolean][] = [
  ["numbers", (word) => cellNumber(word) !== undefined],
  ["true or false", isBoolean],
];

const shortened = (word: string) => (word.length <= 40 ? word : `${word.slice(0, 39)}…`);
