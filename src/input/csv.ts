import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { CellReader, type ColumnType, oddCellNote, WrongCell } from "./column.ts";
import type { PriorityColumn } from "./priority-column.ts";
import { type Row, Rows } from "./rows.ts";
import type { Splitter } from "./splitter.ts";

/** How the rows of a table become arguments. */
export interface TableOptions {
  /** Pass the cells one by one, not as one object with the names of the header. */
  isPositional: boolean;
  /** Whether the first row has the names of the columns; else they are called 1, 2, … */
  hasHeader: boolean;
  /** The types of columns by name, if their first rows are misleading. */
  types: ReadonlyMap<string, ColumnType>;
  /** The separator of cells, if it was given; else that of the format. */
  separator?: string | undefined;
  /** Words that are null in all columns, besides the default ones in columns of numbers. */
  missing?: ReadonlySet<string> | undefined;
  /** Called with the reason if a column is text that looks like numbers. */
  onNote?: ((sentence: string) => void) | undefined;
}

/** The first row is a single cell that contains another separator. */
export class OtherSeparator extends PdoflowError {
  override readonly name = "OtherSeparator";
  readonly exitCode = exitCodes.usage;
  constructor(location: string, expected: string, found: string) {
    const [wanted, other] = [expected, found].map((each) =>
      each === "\t" ? "a tab" : `"${each}"`,
    );
    const remedy = found === "\t" ? "--format tsv" : `--separator '${found}'`;
    super(
      `${location}: expected ${wanted} between cells, found ${other}. Use ${remedy}. If the ` +
        `table has one column, use --separator '${expected}'.`,
    );
  }
}

/** A row has more or fewer cells than there are columns. */
export class UnevenRow extends PdoflowError {
  override readonly name = "UnevenRow";
  readonly exitCode = exitCodes.usage;
  constructor(location: string, expected: number, found: number) {
    super(
      `${location}: expected ${expected} column${expected === 1 ? "" : "s"} as in the first row, ` +
        `found ${found}. ` +
        "Put a cell that contains a separator in double quotes.",
    );
  }
}

/** The rows that determine the types of the columns. */
const sampleSize = 1_000;

interface TableColumn {
  name: string;
  cells: CellReader;
  /** The text before its value in the arguments of a job. */
  lead: string;
}

/** One job for each row of a table. */
export class TableRows implements Splitter {
  readonly #name: string;
  readonly #rows: Rows;
  readonly #options: TableOptions;
  readonly #priority: PriorityColumn | undefined;
  #header: string[] | undefined;
  /** Rows that were read before the types of the columns were known. */
  #sample: Row[] | undefined = [];
  #columns: TableColumn[] = [];
  #priorityAt = -1;
  readonly #separator: string;
  /** Blank lines of a table with one column; they are rows if another row follows. */
  #blanks: Row[] = [];

  constructor(
    name: string,
    separator: string,
    options: TableOptions,
    priority: PriorityColumn | undefined,
  ) {
    this.#name = name;
    this.#separator = options.separator ?? separator;
    this.#rows = new Rows(name, this.#separator);
    this.#options = options;
    this.#priority = priority;
  }

  push(text: string): string[] {
    return this.#take(this.#rows.read(text, false), false);
  }

  finish(): string[] {
    return this.#take(this.#rows.read("", true), true);
  }

  #take(found: Row[], isLast: boolean): string[] {
    let rows = found;
    if (this.#header === undefined) {
      while (rows[0]?.isBlank) rows.shift();
      const [first] = rows;
      if (first) {
        if (this.#options.hasHeader) rows.shift();
        this.#header = this.#readHeader(first);
      }
    }
    rows = this.#withoutBlanks(rows);
    if (this.#sample === undefined) return rows.map((row) => this.#text(row));
    for (const row of rows) this.#sample.push(row);
    if (this.#sample.length < sampleSize && !isLast) return [];
    const sample = this.#sample;
    this.#sample = undefined;
    this.#decideColumns(sample.slice(0, sampleSize));
    return sample.map((row) => this.#text(row));
  }

  /** Removes blank lines; between the rows of a table with one column they are empty cells. */
  #withoutBlanks(rows: readonly Row[]): Row[] {
    const isOneColumn = this.#header?.length === 1;
    const kept: Row[] = [];
    for (const row of rows) {
      if (row.isBlank) {
        if (isOneColumn) this.#blanks.push(row);
        continue;
      }
      kept.push(...this.#blanks, row);
      this.#blanks = [];
    }
    return kept;
  }

  #readHeader({ cells, line }: Row): string[] {
    const [only = "", second] = cells;
    const other = [";", "\t", ",", "|"].find((each) => only.includes(each));
    const isSaid = this.#options.separator !== undefined;
    if (second === undefined && other !== undefined && !isSaid) {
      throw new OtherSeparator(`${this.#name}: line ${line}`, this.#separator, other);
    }
    if (!this.#options.hasHeader) return cells.map((_cell, index) => String(index + 1));
    const names = cells.map((cell) => cell.trim());
    const problems = names.flatMap((name, index) => {
      if (name === "") return [`column ${index + 1} has no name`];
      if (names.indexOf(name) < index) return [`two columns are named "${name}"`];
      const isInvalid = name.startsWith("$") || name.includes("\0");
      return isInvalid ? [`expected a name without a leading $ or NUL, found "${name}"`] : [];
    });
    const known = this.#options.isPositional ? [] : problems;
    if (known.length > 0) {
      const remedy = "give each column a unique name, or use --positional or --no-header";
      throw new InvalidInput(`${this.#name}: line ${line}`, [...known, remedy]);
    }
    return names;
  }

  #decideColumns(sample: readonly Row[]): void {
    const header = this.#header ?? [];
    const { types, isPositional } = this.#options;
    const unknown = [...types.keys(), ...(this.#priority ? [this.#priority.name] : [])].filter(
      (name) => !header.includes(name),
    );
    if (unknown.length > 0 && header.length > 0) {
      const problem = `expected a column "${unknown[0]}", found ${header.join(", ")}`;
      throw new InvalidInput(this.#name, [problem]);
    }
    this.#priorityAt = this.#priority ? header.indexOf(this.#priority.name) : -1;
    this.#columns = header.map((name, index) => {
      const lead = isPositional ? "" : `${JSON.stringify(name)}:`;
      return { name, lead, cells: this.#cellReader(name, index, sample) };
    });
  }

  #cellReader(name: string, index: number, sample: readonly Row[]): CellReader {
    const { types, missing = new Set<string>(), onNote } = this.#options;
    const type = types.get(name);
    const reader = new CellReader(type ?? null, missing);
    if (type !== undefined) return reader;
    reader.decide(sample.map(({ cells }) => cells[index] ?? ""));
    if (onNote && reader.type === "text" && index !== this.#priorityAt) {
      const note = oddCellNote(name, index, sample, (word) => reader.isMissing(word));
      if (note !== null) onNote(`${this.#name}: ${note}`);
    }
    return reader;
  }

  #text({ cells, line }: Row): string {
    const location = `${this.#name}: line ${line}`;
    const columns = this.#columns;
    if (cells.length !== columns.length)
      throw new UnevenRow(location, columns.length, cells.length);
    let text = "";
    for (let index = 0; index < columns.length; index += 1) {
      const [column, cell = ""] = [columns[index], cells[index]];
      if (!column) continue;
      if (index === this.#priorityAt) {
        this.#priority?.note(cell, location);
        continue;
      }
      const value = column.cells.text(cell);
      if (value === undefined) {
        throw new WrongCell(location, column.name, column.cells.type ?? "text", cell);
      }
      text += text === "" ? column.lead + value : `,${column.lead}${value}`;
    }
    return this.#options.isPositional ? `[${text}]` : `{${text}}`;
  }
}
