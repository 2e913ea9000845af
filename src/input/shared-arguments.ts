import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { type Values, valuesOf } from "./range.ts";
import { wordText } from "./word.ts";

/** Positional arguments were given to jobs that take one object. */
export class ArgsAfterObject extends PdoflowError {
  override readonly name = "ArgsAfterObject";
  readonly exitCode = exitCodes.usage;
  constructor(source: string) {
    super(
      `${source} has objects of keyword arguments, which no further arguments can follow. ` +
        "Expected --kw or --each NAME=LIST with it, not --args; or lists in the file.",
    );
  }
}

/** How many jobs a posting can hold: their numbers have 32 bits. */
const mostJobs = 2 ** 31;

/** One argument of a job that takes each of several values in turn. */
interface Each {
  /** Null for a positional one. */
  name: string | null;
  size: number;
  /** JSON text. */
  at: (index: number) => string;
}

/** What is said of arguments on the command line, word by word. */
export interface ArgumentWords {
  args: readonly string[];
  kw: readonly string[];
  each: readonly string[];
}

/**
 * Arguments that every job is passed, and lists that are gone through: each job that is read, and
 * with none that are read one empty one, becomes a job for every combination of their values.
 */
export class SharedArguments {
  readonly #parts: readonly Each[];

  private constructor(parts: readonly Each[]) {
    this.#parts = parts;
  }

  /**
   * Undefined if there is nothing to share.
   *
   * @throws {InvalidInput} with each word that is wrong.
   */
  static parse({ args, kw, each }: ArgumentWords): SharedArguments | undefined {
    const problems: string[] = [];
    const parts = [
      ...each.map((word) => parseEach(word, problems)),
      ...args.map((word): Each => ({ name: null, size: 1, at: () => wordText(word) })),
      ...kw.map((word) => parseKeyword(word, problems)),
    ];
    const total = parts.reduce((product, { size }) => product * size, 1);
    if (total > mostJobs) {
      problems.push(
        `expected ${mostJobs} combinations at most, as a posting holds, found ${total}`,
      );
    }
    if (problems.length > 0) throw new InvalidInput("arguments", problems);
    return parts.length === 0 ? undefined : new SharedArguments(parts);
  }

  /**
   * The texts of the jobs that one of `source` becomes. The value of the last list changes fastest.
   *
   * @throws {ArgsAfterObject}
   */
  *joinedTo(text: string, source: string): Generator<string, void, undefined> {
    const isObject = text.startsWith("{");
    const hasPositional = this.#parts.some(({ name }) => name === null);
    if (isObject && hasPositional) throw new ArgsAfterObject(source);
    const inner = text.slice(1, -1).trim();
    const total = this.#parts.reduce((product, { size }) => product * size, 1);
    for (let number = 0; number < total; number += 1) {
      const { list, fields } = this.#combination(number);
      if (isObject) yield `{${joined(inner, ...fields)}}`;
      else {
        const object = fields.length === 0 ? "" : `{${fields.join(",")}}`;
        const isAlone = inner === "" && list.length === 0 && object !== "";
        yield isAlone ? object : `[${joined(inner, ...list, object)}]`;
      }
    }
  }

  /** The values of the combination of a number, as of a clock whose last hand goes fastest. */
  #combination(number: number): { list: string[]; fields: string[] } {
    const list: string[] = [];
    const fields: string[] = [];
    let rest = number;
    for (const { name, size, at } of this.#parts.toReversed()) {
      const value = at(rest % size);
      rest = Math.floor(rest / size);
      if (name === null) list.unshift(value);
      else fields.unshift(`${JSON.stringify(name)}:${value}`);
    }
    return { list, fields };
  }
}

const joined = (...parts: string[]) => parts.filter((part) => part !== "").join(",");

const keyword = /^([\p{L}_][\p{L}\p{N}_-]*)=(.*)$/su;

function parseKeyword(word: string, problems: string[]): Each {
  const [, name = null, value = ""] = keyword.exec(word) ?? [];
  if (name === null) problems.push(`expected --kw name=value, found "${word}"`);
  return { name, size: 1, at: () => wordText(value) };
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
  return { name, size, at };
}

/** `a,b,1-9`, or a JSON array where values have commas or look like ranges. */
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
  `expected a value in each place of "${list}", found none in place ${index + 1}; write "" for ` +
  "the empty text";
