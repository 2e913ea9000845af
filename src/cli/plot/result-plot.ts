import type { ResultWithArgs } from "../../db/read/results.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { cellOf, isFields } from "../output/cell.ts";
import { pluralize } from "../output/pluralize.ts";
import { argFields, resultFields } from "../output/result-table.ts";
import { RowSpool } from "../output/row-spool.ts";
import type { PlotStyle } from "./framed.ts";
import { binsFor, countIn, histogram } from "./histogram.ts";
import { type Extent, Scatter } from "./scatter.ts";
import { Words, wordBars } from "./word-bars.ts";

const height = 12;
/** Names of columns that an error lists. */
const namesMax = 20;

/** Why a value is not in a plot of numbers. */
type Excluded = "missing" | "words" | "infinite";

/**
 * A plot of one or two columns of results. Two passes: `add` finds the extent of the numbers and
 * keeps them in the temporary folder, `lines` counts them. So memory use does not depend on the
 * number of jobs.
 */
export class ResultPlot implements Disposable {
  readonly #columns: readonly string[];
  readonly #numbers = new RowSpool();
  readonly #words = new Words();
  readonly #names = new Set<string>();
  readonly #found = new Set<string>();
  readonly #extents: Extent[];
  readonly #excluded = new Map<string, Record<Excluded, number>>();
  #jobs = 0;
  #plotted = 0;

  /** @param columns one or two names of columns. */
  constructor(columns: readonly string[]) {
    this.#columns = columns;
    this.#extents = columns.map(() => ({ least: Infinity, most: -Infinity }));
    for (const name of columns) this.#excluded.set(name, { missing: 0, words: 0, infinite: 0 });
  }

  add(posting: number, rows: readonly ResultWithArgs[]): void {
    this.#numbers.add(rows.map((row) => this.#lineOf(new Columns(posting, row))).join(""));
  }

  /** The numbers of a job as a line of the spool; empty if it cannot be plotted. */
  #lineOf(columns: Columns): string {
    this.#jobs += 1;
    const values = this.#columns.map((name) => {
      const value = columns.valueOf(name);
      if (value !== undefined) this.#found.add(name);
      else if (this.#names.size < namesMax) columns.addNames(this.#names);
      return value;
    });
    const kinds = values.map(kindOf);
    const [first] = values;
    if (values.length === 1 && kinds[0] === "words") this.#words.add(cellOf(first));
    const bad = kinds.findIndex((kind) => typeof kind === "string");
    const [name, kind] = [this.#columns[bad], kinds[bad]];
    if (name !== undefined && typeof kind === "string") {
      const counts = this.#excluded.get(name);
      if (counts) counts[kind] += 1;
      return "";
    }
    const numbers = kinds.filter((each) => typeof each === "number");
    numbers.forEach((value, at) => {
      const extent = this.#extents[at];
      if (!extent) return;
      extent.least = Math.min(extent.least, value);
      extent.most = Math.max(extent.most, value);
    });
    this.#plotted += 1;
    return `${numbers.join(" ")}\n`;
  }

  /**
   * The lines of the plot, and how many jobs are not in it.
   *
   * @throws {InvalidInput} if no job has one of the columns.
   */
  lines(style: PlotStyle): string[] {
    const columns = [...this.#names, ...ownColumns].slice(0, namesMax);
    const unknown = this.#columns.filter((name) => !this.#found.has(name));
    if (unknown.length > 0 && this.#names.size > 0) {
      throw new InvalidInput("--plot", [
        `expected a column of the results, found ${JSON.stringify(unknown[0])}. ` +
          `Columns: ${columns.join(", ")}${columns.length < namesMax ? "" : ", …"}`,
      ]);
    }
    const [x, y] = this.#columns;
    if (x === undefined) return [];
    if (y === undefined && this.#words.total > this.#plotted) {
      return [...wordBars(this.#words, x, style), this.#summary(true)];
    }
    if (this.#plotted === 0) return [this.#summary(false)];
    return [
      ...(y === undefined ? this.#histogram(x, style) : this.#scatter(x, y, style)),
      this.#summary(false),
    ];
  }

  #histogram(xName: string, style: PlotStyle): string[] {
    const [extent] = this.#extents;
    if (!extent) return [];
    const bins = binsFor({ ...extent, count: this.#plotted }, Math.max(8, style.width - 10));
    for (const [value] of this.#pairs()) if (value !== undefined) countIn(bins, value);
    return histogram(bins, { title: "jobs", xName, height }, style);
  }

  #scatter(xName: string, yName: string, style: PlotStyle): string[] {
    const [x, y] = this.#extents;
    if (!x || !y) return [];
    const plot = new Scatter(x, y, Math.max(height, Math.min(24, style.width >> 2)), style);
    for (const [a, b] of this.#pairs()) if (a !== undefined && b !== undefined) plot.add(a, b);
    return plot.lines(yName, xName);
  }

  *#pairs(): Generator<number[]> {
    for (const lines of this.#numbers.batches()) {
      for (const line of lines) yield line.split(" ").map(Number);
    }
  }

  /** `plotted 95 of 100 jobs; loss: 3 without a value, 2 NaN or Infinity`. */
  #summary(isWords: boolean): string {
    const plotted = isWords ? this.#words.total : this.#plotted;
    const reasons = this.#columns.flatMap((name) => {
      const { missing, words, infinite } = this.#excluded.get(name) ?? {};
      const parts = [
        ...partOf(missing, "without a value"),
        ...partOf(isWords ? this.#plotted : words, isWords ? "a number" : "not a number"),
        ...partOf(infinite, "NaN or Infinity"),
      ];
      return parts.length === 0 ? [] : [`${name}: ${parts.join(", ")}`];
    });
    const head = `plotted ${plotted.toLocaleString("en")} of ${pluralize(this.#jobs, "job")}`;
    return [head, ...reasons].join("; ");
  }

  [Symbol.dispose](): void {
    this.#numbers[Symbol.dispose]();
  }
}

const ownColumns = ["posting", "index", "status", "error"];

/** The columns of one job. Its arguments are parsed only if a column may be in them. */
class Columns {
  readonly #posting: number;
  readonly #row: ResultWithArgs;
  readonly #result: unknown;
  #args: ReadonlyMap<string, unknown> | null = null;

  constructor(posting: number, row: ResultWithArgs) {
    this.#posting = posting;
    this.#row = row;
    this.#result = row.result === null ? null : JSON.parse(row.result);
  }

  /** Undefined if the job has no such column; also `args.NAME` and `result.NAME`. */
  valueOf(name: string): unknown {
    if (ownColumns.includes(name)) return this.#own(name);
    const ofResult = this.#ofResult(name); // may be null
    const value = ofResult === undefined ? this.#ofArgs.get(name) : ofResult;
    if (value !== undefined) return value;
    if (name.startsWith("result.")) return this.#ofResult(name.slice("result.".length));
    return name.startsWith("args.") ? this.#ofArgs.get(name.slice("args.".length)) : undefined;
  }

  #own(name: string): unknown {
    const { index, status, error } = this.#row;
    switch (name) {
      case "posting":
        return this.#posting;
      case "index":
        return index;
      case "status":
        return status;
      default: {
        const failure: unknown = error === null ? null : JSON.parse(error);
        return failure instanceof Object && "name" in failure ? failure.name : null;
      }
    }
  }

  #ofResult(name: string): unknown {
    const result = this.#result;
    if (!isFields(result)) return name === "result" ? result : undefined;
    return Object.hasOwn(result, name) ? result[name] : undefined;
  }

  get #ofArgs(): ReadonlyMap<string, unknown> {
    return (this.#args ??= argFields(JSON.parse(this.#row.args ?? "[]")));
  }

  addNames(names: Set<string>): void {
    for (const name of this.#ofArgs.keys()) names.add(name);
    for (const name of resultFields(this.#result).keys()) names.add(name);
  }
}

const partOf = (count = 0, text: string) =>
  count === 0 ? [] : [`${count.toLocaleString("en")} ${text}`];

/** A finite number, or why the value is none. */
function kindOf(value: unknown): number | Excluded {
  if (typeof value === "number") return Number.isFinite(value) ? value : "infinite";
  if (value === null || value === undefined) return "missing";
  if (typeof value !== "object" || Array.isArray(value)) return "words";
  const [[tag, content] = []] = Object.entries(value);
  if (tag === "$undefined") return "missing";
  if ((tag !== "$number" && tag !== "$bigint") || typeof content !== "string") return "words";
  const number = Number(content);
  return Number.isFinite(number) ? number : "infinite";
}
