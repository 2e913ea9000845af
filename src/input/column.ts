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
        `If the column is text, say --types ${column}=text.`,
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

/**
 * What a column is by its first cells: numbers or booleans where all that are not empty are, else
 * text.
 */
export function columnTypeOf(cells: readonly string[]): ColumnType {
  const full = cells.map((cell) => cell.trim()).filter((cell) => cell !== "");
  if (full.length === 0) return "text";
  if (full.every((cell) => numberText(cell) !== undefined)) return "number";
  return full.every((cell) => cell === "true" || cell === "false") ? "boolean" : "text";
}

/**
 * The JSON text of a cell; undefined where it is not what its column is. An empty one is the empty
 * text, and null in a column of anything else.
 */
export function cellText(cell: string, type: ColumnType): string | undefined {
  if (type === "text") return quoted(cell);
  const word = cell.trim();
  if (word === "") return "null";
  switch (type) {
    case "number":
      return numberText(word);
    case "boolean":
      return word === "true" || word === "false" ? word : undefined;
    case "json":
      return isJson(word) ? word : undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the caller says where it stands
  }
}
