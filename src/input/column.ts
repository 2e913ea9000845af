import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { isJson } from "./argument-text.ts";
import type { Row } from "./rows.ts";
import { numberText, quoted } from "./word.ts";

/** The type of a column; `json` only if --types asks for it. */
export type ColumnType = "number" | "boolean" | "text" | "json";

const expectations: Record<ColumnType, string> = {
  number: "a number that a double holds exactly, such as 1.5 or NaN",
  boolean: "true or false",
  text: "text",
  json: "JSON",
};

/** A cell does not have the type of its column. */
export class WrongCell extends PdoflowError {
  override readonly name = "WrongCell";
  readonly exitCode = exitCodes.usage;
  constructor(location: string, column: string, type: ColumnType, cell: string) {
    const found = shortened(cell);
    super(
      `${location}, column "${column}": expected ${expectations[type]}, found "${found}". ` +
        `If the column is text, use --types ${column}=text. If the value is missing, use ` +
        `--na '${found}'.`,
    );
  }
}

/** Reads `--types id=text,mag=number`. @throws {InvalidInput} */
export function parseColumnTypes(text: string): Map<string, ColumnType> {
  const types = new Map<string, ColumnType>();
  const problems: string[] = [];
  for (const part of text.split(",")) {
    const at = part.lastIndexOf("=");
    const type = part.slice(at + 1).trim();
    if (at > 0 && isColumnType(type)) types.set(part.slice(0, at).trim(), type);
    else problems.push(`expected id=text, =number, =boolean or =json, found "${part}"`);
  }
  if (problems.length > 0) throw new InvalidInput("--types", problems);
  return types;
}

const isColumnType = (word: string): word is ColumnType => Object.hasOwn(expectations, word);

/** Words that mean a missing value in a column of numbers or booleans, as in R. */
const usuallyMissing = new Set(["", "NA", "N/A", "n/a", "null", "NULL", "None"]);

/** Reads the cells of one column. */
export class CellReader {
  readonly #missing: ReadonlySet<string>;
  /** Null as long as all cells were missing values. */
  type: ColumnType | null;

  /** `missing` are the words that mean null in every column, including text. */
  constructor(type: ColumnType | null, missing: ReadonlySet<string>) {
    this.type = type;
    this.#missing = missing;
  }

  /** Number or boolean if all cells with a value are, else text. */
  decide(cells: readonly string[]): void {
    const full = cells.map((cell) => cell.trim()).filter((cell) => !this.isMissing(cell));
    if (full.length === 0) return;
    if (full.every((cell) => cellNumber(cell) !== undefined)) this.type = "number";
    else this.type = full.every(isBoolean) ? "boolean" : "text";
  }

  /** The JSON text of a cell, "null" for a missing value; undefined if the type does not match. */
  text(cell: string): string | undefined {
    const word = cell.trim();
    if (this.#missing.has(word)) return "null";
    if (this.type === null) {
      this.decide([cell]);
      if (this.type === null) return "null";
    }
    if (this.type === "text") return quoted(cell);
    if (usuallyMissing.has(word)) return "null";
    switch (this.type) {
      case "number":
        return cellNumber(word);
      case "boolean":
        return isBoolean(word) ? word : undefined;
      case "json":
        return isJson(word) ? word : undefined;
    }
  }

  isMissing(word: string): boolean {
    return usuallyMissing.has(word) || this.#missing.has(word);
  }
}

const isBoolean = (word: string): boolean => word === "true" || word === "false";

/** Like numberText, but accepts nan, inf and infinity in any case. */
function cellNumber(word: string): string | undefined {
  if (/^nan$/i.test(word)) return numberText("nan");
  const [, sign] = /^([+-]?)inf(?:inity)?$/i.exec(word) ?? [];
  return numberText(sign === undefined ? word : `${sign}inf`);
}

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
