import * as v from "valibot";

import type { ResultWithArgs } from "../../db/read/results.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { cellOf, isFields } from "./cell.ts";
import { RowSpool } from "./row-spool.ts";
import { csvLine, type CsvFormat } from "./csv-writer.ts";

/** The names of more columns could fill the memory. */
const columnsMax = 10_000;
const own = ["posting", "index", "status", "error"];

const Failure = v.object({ name: v.string(), message: v.string() });
/** A line of the spool: posting, index, status, error, result, arguments. */
const Line = v.strictTuple([
  v.number(),
  v.number(),
  v.string(),
  v.nullable(v.string()),
  v.unknown(),
  v.unknown(),
]);

export interface ResultTableOptions {
  kind: CsvFormat;
  /** Whether the arguments are columns too. */
  hasArgs: boolean;
  isSafe: boolean;
}

/**
 * A table of results whose columns are all fields of all results, in order of appearance. So all
 * rows are read before the first line is printed.
 */
export class ResultTable implements Disposable {
  readonly #options: ResultTableOptions;
  readonly #rows = new RowSpool();
  readonly #ofArgs = new Set<string>();
  readonly #ofResults = new Set<string>();

  constructor(options: ResultTableOptions) {
    this.#options = options;
  }

  add(posting: number, rows: readonly ResultWithArgs[]): void {
    const lines = rows.map(({ index, status, result, error, args }) => {
      const failure = error === null ? null : parse(Failure, JSON.parse(error), "an error");
      const said = failure && `${failure.name}: ${failure.message}`;
      note(this.#ofResults, resultFields(result === null ? null : JSON.parse(result)));
      if (this.#options.hasArgs) note(this.#ofArgs, argFields(JSON.parse(args ?? "[]")));
      const head = JSON.stringify([posting, index, status, said]).slice(0, -1);
      return `${head},${inOneLine(result ?? "null")},${inOneLine(args ?? "null")}]\n`;
    });
    this.#rows.add(lines.join(""));
  }

  /** The header, then all rows in blocks. */
  *texts(): Generator<string> {
    const { kind, isSafe } = this.#options;
    yield csvLine(kind, this.#header(), isSafe);
    for (const lines of this.#rows.batches()) {
      const rows = lines.map((line) => this.#cells(JSON.parse(line)));
      yield rows.map((cells) => csvLine(kind, cells, isSafe)).join("");
    }
  }

  /** Field names, with a prefix if an earlier column has the same name. */
  #header(): string[] {
    const names = new Set(own);
    const add = (prefix: string, fields: ReadonlySet<string>) => {
      for (const field of fields) {
        let name = field;
        while (names.has(name)) name = `${prefix}.${name}`;
        names.add(name);
      }
    };
    add("args", this.#ofArgs);
    add("result", this.#ofResults);
    return [...names];
  }

  #cells(line: unknown): string[] {
    const [posting, index, status, error, result, args] = parse(Line, line, "a row");
    const ofArgs = this.#options.hasArgs ? argFields(args) : new Map<string, unknown>();
    const ofResult = resultFields(result);
    return [
      ...[String(posting), String(index), status, error ?? ""],
      ...Array.from(this.#ofArgs, (name) => cellOf(ofArgs.get(name))),
      ...Array.from(this.#ofResults, (name) => cellOf(ofResult.get(name))),
    ];
  }

  [Symbol.dispose](): void {
    this.#rows[Symbol.dispose]();
  }
}

/** Stored JSON may contain line breaks between its values. */
export const inOneLine = (json: string): string => json.replace(/[\r\n]+/g, " ");

function note(columns: Set<string>, fields: ReadonlyMap<string, unknown>): void {
  for (const name of fields.keys()) columns.add(name);
  if (columns.size <= columnsMax) return;
  throw new InvalidInput("columns", [
    `expected at most ${columnsMax} different fields for a table, found more. Print NDJSON ` +
      "instead, without --csv and --tsv",
  ]);
}

/** The fields of an object; any other value is one field, "result". */
export function resultFields(result: unknown): ReadonlyMap<string, unknown> {
  if (isFields(result)) return new Map(Object.entries(result));
  const isNothing = typeof result !== "string" && cellOf(result) === ""; // null, undefined
  return new Map(isNothing ? [] : [["result", result]]);
}

/** The fields of an only or last argument that is an object; other arguments are arg1, arg2, … */
export function argFields(args: unknown): ReadonlyMap<string, unknown> {
  if (!Array.isArray(args)) return new Map(Object.entries(args ?? {}));
  const list: readonly unknown[] = args;
  const last = list.at(-1);
  const fields = isFields(last) ? Object.entries(last) : [];
  const others = isFields(last) ? list.slice(0, -1) : list;
  return new Map([
    ...others.map((value, index): [string, unknown] => [`arg${index + 1}`, value]),
    ...fields,
  ]);
}
