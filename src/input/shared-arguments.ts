import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { type Sweep, type SweepPart, sweepOf } from "../domain/sweep.ts";
import { type Values, valuesOf } from "./range.ts";
import { wordText } from "./word.ts";

/** Positional arguments cannot follow an object of keyword arguments. */
export class ArgsAfterObject extends PdoflowError {
  override readonly name = "ArgsAfterObject";
  readonly exitCode = exitCodes.usage;
  constructor(source: string) {
    super(
      `${source}: expected lists of arguments before --args or --each LIST, found objects of ` +
        "keyword arguments. Use --kw or --each NAME=LIST, or put lists into the file.",
    );
  }
}

/** The largest number of jobs of a posting. */
const maxJobs = 2 ** 31 - 1;

/** One argument with a list of values. */
interface Each {
  /** Null for a positional one. */
  name: string | null;
  size: number;
  /** JSON text. */
  at: (index: number) => string;
  values: readonly Values[];
}

/** The words of --args, --kw and --each. */
export interface ArgumentWords {
  args: readonly string[];
  kw: readonly string[];
  each: readonly string[];
  /** Whether the lists of --each are paired instead of combined. */
  link?: boolean;
}

/**
 * Arguments that every job gets, and lists of values: each job of the input becomes one job for
 * every combination of the values. Without input there is one empty job. Linked lists are paired:
 * the first values of all belong to the first job, and so on; shorter lists begin again.
 */
export class SharedArguments {
  readonly #parts: readonly Each[];
  readonly #isLinked: boolean;
  /** The number of jobs so far that linked values were added to. */
  #linked = 0;

  private constructor(parts: readonly Each[], isLinked: boolean) {
    this.#parts = parts;
    this.#isLinked = isLinked;
  }

  /**
   * Undefined if there is nothing to share.
   *
   * @throws {InvalidInput} with each word that is wrong.
   */
  static parse({ args, kw, each, link = false }: ArgumentWords): SharedArguments | undefined {
    const problems: string[] = [];
    const parts = [
      ...each.map((word) => parseEach(word, problems)),
      ...args.map((word) => single(null, wordText(word))),
      ...kw.map((word) => parseKeyword(word, problems)),
    ];
    problems.push(...repeated(parts.flatMap(({ name }) => name ?? [])));
    const total = link ? 0 : combinationsOf(parts);
    if (total > maxJobs) {
      problems.push(
        `expected at most ${maxJobs} combinations, the limit of a posting, found ${total}`,
      );
    }
    if (problems.length > 0) throw new InvalidInput("arguments", problems);
    return parts.length === 0 ? undefined : new SharedArguments(parts, link);
  }

  /** All combinations without input, if they need not be stored. */
  sweep(mostListed?: number): Sweep | null {
    if (this.#isLinked) return null;
    const axes = this.#parts.map(({ name, values }) => ({ name, parts: partsOf(values) }));
    return sweepOf(axes, mostListed);
  }

  /**
   * The texts of the jobs for one job of `source`, which is empty if it `isAlone`. The value of the
   * last list changes fastest.
   *
   * @throws {ArgsAfterObject}
   */
  *joinedTo(text: string, source: string, isAlone = false): Generator<string, void, undefined> {
    const isObject = text.startsWith("{");
    const hasPositional = this.#parts.some(({ name }) => name === null);
    if (isObject && hasPositional) throw new ArgsAfterObject(source);
    const inner = text.slice(1, -1).trim();
    const total = this.#isLinked ? this.#pairs(isAlone) : combinationsOf(this.#parts);
    for (let number = 0; number < total; number += 1) {
      const { list, fields } = this.#combination(this.#isLinked ? this.#linked++ : number);
      if (isObject) yield `{${joined(inner, ...fields)}}`;
      else {
        const object = fields.length === 0 ? "" : `{${fields.join(",")}}`;
        const isOnlyObject = inner === "" && list.length === 0 && object !== "";
        yield isOnlyObject ? object : `[${joined(inner, ...list, object)}]`;
      }
    }
  }

  /** Linked to a job of the input, the values make no further jobs. */
  #pairs(isAlone: boolean): number {
    return isAlone ? Math.max(...this.#parts.map(({ size }) => size)) : 1;
  }

  /** The values of combination `number`; the last list changes fastest. */
  #combination(number: number): { list: string[]; fields: string[] } {
    const list: string[] = [];
    const fields: string[] = [];
    let rest = number;
    for (const { name, size, at } of this.#parts.toReversed()) {
      const value = at(rest % size);
      if (!this.#isLinked) rest = Math.floor(rest / size);
      if (name === null) list.unshift(value);
      else fields.unshift(`${JSON.stringify(name)}:${value}`);
    }
    return { list, fields };
  }
}

const combinationsOf = (parts: readonly Each[]): number =>
  parts.reduce((product, { size }) => product * size, 1);

const repeated = (names: readonly string[]): string[] =>
  [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
    (name) => `expected one --kw or --each for each name, found several for "${name}"`,
  );

/** Single values in a row are one list. */
function partsOf(values: readonly Values[]): SweepPart[] {
  const parts: SweepPart[] = [];
  let list: string[] | null = null;
  for (const { size, at, range } of values) {
    if (range) {
      parts.push(range);
      list = null;
      continue;
    }
    if (list === null) parts.push({ values: (list = []) });
    for (let index = 0; index < size; index++) list.push(at(index));
  }
  return parts;
}

const joined = (...parts: string[]) => parts.filter((part) => part !== "").join(",");

const keyword = /^([\p{L}_][\p{L}\p{N}_-]*)=(.*)$/su;

/** Whether a word of --each is a list, a range or named, and not a single value. */
export function isListWord(word: string): boolean {
  if (keyword.test(word) || word.includes(",") || word.startsWith("[")) return true;
  const values = valuesOf(word);
  return typeof values === "string" || values.range !== undefined;
}

function parseKeyword(word: string, problems: string[]): Each {
  const [, name = null, value = ""] = keyword.exec(word) ?? [];
  if (name === null) problems.push(`expected --kw name=value, found "${word}"`);
  return single(name, wordText(value));
}

function single(name: string | null, text: string): Each {
  const values = { size: 1, at: () => text };
  return { name, ...values, values: [values] };
}

function parseEach(word: string, problems: string[]): Each {
  const [, name = null, list = word] = keyword.exec(word) ?? [];
  const values = listValues(list, problems);
  const size = values.reduce((sum, part) => sum + part.size, 0);
  if (size === 0) problems.push(`expected values such as a,b or 1-9, found "${word}"`);
  const at = (index: number): string => {
    let rest = index;
    for (const part of values) {
      if (rest < part.size) return part.at(rest);
      rest -= part.size;
    }
    return "null";
  };
  return { name, size, at, values };
}

/** `a,b,1-9`, or a JSON array for values with commas or that look like ranges. */
function listValues(list: string, problems: string[]): Values[] {
  const text = list.startsWith("[") ? wordText(list) : "";
  const values: unknown = text.startsWith("[") ? JSON.parse(text) : undefined;
  if (Array.isArray(values)) {
    return [{ size: values.length, at: (index) => JSON.stringify(values[index]) }];
  }
  if (list === "") return [];
  return list.split(",").flatMap((part, index) => {
    const found = part === "" ? emptyValue(list, index) : valuesOf(part);
    if (typeof found !== "string") return [found];
    problems.push(found);
    return [{ size: 1, at: () => "null" }];
  });
}

const emptyValue = (list: string, index: number): string =>
  `expected a value between all commas of "${list}", found none at position ${index + 1}. ` +
  'Write "" for the empty text';
