import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { numberText, quoted } from "./word.ts";

/** What the cells of a column are: `json` only where it is asked for. */
export type ColumnType = "number" | "boolean" | "text" | "json";

const expectations: Record<ColumnType, string> = {
  number: "a number that a double holds exactly, such as 1.5 or NaN",
  boolean: "true or false",
  text: "text",
  json: "JSON",
};

/** A cell is not what its column is. */
export class WrongCell extends PdoflowError {
  override readonly name = "WrongCell";
  readonly exitCode = exitCodes.usage;
  constructor(place: string, column: string, type: ColumnType, cell: string) {
    const found = cell.length <= 40 ? cell : `${cell.slice(0, 39)}…`;
    super(
      `${place}, column "${column}": expected ${expectations[type]}, found "${found}". ` +
        `If the column is text, say --types ${column}=text; if the value is missing, ` +
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

/** Words that stand for a missing value in a column of numbers or booleans, as R and others do. */
const usuallyMissing = new Set(["", "NA", "N/A", "n/a", "null", "NULL", "None"]);

/** What the cells of one column are. */
export class CellReader {
  readonly #missing: ReadonlySet<string>;
  /** Null while all cells were missing values. */
  type: ColumnType | null;

  /** `missing` has the words that are null in any column, text too. */
  constructor(type: ColumnType | null, missing: ReadonlySet<string>) {
    this.type = type;
    this.#missing = missing;
  }

  /** Numbers or booleans if all `cells` that are not missing are, else text. */
  decide(cells: readonly string[]): void {
    const full = cells.map((cell) => cell.trim()).filter((cell) => !this.isMissing(cell));
    if (full.length === 0) return;
    if (full.every((cell) => cellNumber(cell) !== undefined)) this.type = "number";
    else this.type = full.every(isBoolean) ? "boolean" : "text";
  }

  /** The JSON text of a cell, null for a missing value; undefined if it is not of this type. */
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

export const isBoolean = (word: string): boolean => word === "true" || word === "false";

/** As numberText, with nan, inf and infinity in any case. */
export function cellNumber(word: string): string | undefined {
  if (/^nan$/i.test(word)) return numberText("nan");
  const [, sign] = /^([+-]?)inf(?:inity)?$/i.exec(word) ?? [];
  return numberText(sign === undefined ? word : `${sign}inf`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the caller says where it stands
  }
}
