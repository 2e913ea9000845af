import { decimalOf, decimalText, scaled } from "../../domain/decimal.ts";
import { InvalidInput } from "../../domain/errors.ts";

const mostJobs = 2 ** 31 - 1;

/** The result of `range`. */
export class NumberRange implements Iterable<number> {
  readonly size: number;
  /** @internal */
  readonly scale: number;
  /** @internal All multiplied by 10 to the power of `scale`. */
  readonly integers: { first: bigint; last: bigint; step: bigint };

  /** @internal */
  constructor(first: number, last: number, step: number) {
    const numbers = [first, last, step];
    if (
      !numbers.every((each) => Number.isFinite(each)) ||
      (last - first) * step < 0 ||
      step === 0
    ) {
      throw new InvalidInput("range", [
        `expected numbers, and a step that leads from first to last, found ${numbers.join(", ")}`,
      ]);
    }
    const [from, to, by] = numbers.map((each) => decimalOf(String(each)));
    this.scale = Math.max(from?.scale ?? 0, to?.scale ?? 0, by?.scale ?? 0);
    const [low, high, stride] = [from, to, by].map((each) =>
      each ? scaled(each, this.scale) : 0n,
    );
    this.integers = { first: low ?? 0n, last: high ?? 0n, step: stride ?? 1n };
    const { integers } = this;
    this.size = Number((integers.last - integers.first) / integers.step) + 1;
    if (this.scale === 0 && !numbers.every((each) => Number.isSafeInteger(each))) {
      throw new InvalidInput("range", [
        `expected whole numbers that a double holds exactly, found ${numbers.join(", ")}`,
      ]);
    }
  }

  /** @internal */
  at(index: number): number {
    const { first, step } = this.integers;
    return Number(decimalText(first + BigInt(index) * step, this.scale));
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let index = 0; index < this.size; index++) yield this.at(index);
  }
}

/**
 * The numbers from `first` to `last`, both included, for `product`: exact, also with fractions.
 *
 * @example range(1, 1000), range(0, 1, 0.25), range(10, 1, -1)
 * @throws {InvalidInput} the step does not lead from first to last.
 */
export const range = (first: number, last: number, step = 1): NumberRange =>
  new NumberRange(first, last, step);

/** @internal The values of one argument, or of one field of the object. */
export interface ProductAxis {
  /** Null for an argument. */
  name: string | null;
  values: readonly unknown[] | NumberRange;
}

/** The result of `product`. */
export class Product<T> implements Iterable<T> {
  readonly size: number;
  /** @internal */
  readonly axes: readonly ProductAxis[];

  /** @internal */
  constructor(axes: readonly ProductAxis[]) {
    this.axes = axes;
    this.size = axes.reduce((size, { values }) => size * sizeOf(values), 1);
    if (this.size > mostJobs) {
      throw new InvalidInput("product", [
        `expected at most ${mostJobs} combinations, the limit of a posting, found ${this.size}`,
      ]);
    }
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let number = 0; number < this.size; number++) yield this.#at(number) as T; // by `product`
  }

  #at(number: number): unknown {
    const list: unknown[] = [];
    const fields: [string, unknown][] = [];
    let rest = number;
    for (const { name, values } of this.axes.toReversed()) {
      const size = sizeOf(values);
      const value: unknown = values.at(rest % size);
      rest = Math.floor(rest / size);
      if (name === null) list.unshift(value);
      else fields.unshift([name, value]);
    }
    if (fields.length === 0) return list;
    const object = Object.fromEntries(fields);
    return list.length === 0 ? object : [...list, object];
  }
}

const sizeOf = (values: ProductAxis["values"]): number =>
  values instanceof NumberRange ? values.size : values.length;

type ValueSource = Iterable<unknown>;
type Fields = Readonly<Record<string, ValueSource>>;
type ValueOf<V> = V extends Iterable<infer T> ? T : never;
type FieldsOf<F> = { [K in keyof F]: ValueOf<F[K]> };
type ListOf<L extends readonly ValueSource[]> = { [K in keyof L]: ValueOf<L[K]> };

/**
 * All combinations of some values, as the arguments of jobs for `postWork`: the last one changes
 * fastest. A list or `range` is an argument, an object of them is the object of a call.
 *
 * Posting takes the time and the disk space of one job, however many there are: the database stores
 * the values and computes the arguments of each job. It stores them one by one if they are at most
 * 1,000, if the function has a schema, or if the values have more than 64 KiB of JSON.
 *
 * @example await postWork(fit, product(range(1, 1_000_000), ["a", "b"]));
 * @example await postWork(fit, product(range(1, 1_000_000), { model: ["a", "b"] }));
 * @example await postWork(fit, [], product({ seed: range(1, 1_000_000), model: ["a", "b"] }));
 * @throws {InvalidInput} an argument is neither a list nor an object of lists.
 */
export function product<const F extends Fields>(fields: F): Product<FieldsOf<F>>;
export function product<const L extends readonly ValueSource[]>(...lists: L): Product<ListOf<L>>;
export function product<const L extends readonly ValueSource[], const F extends Fields>(
  ...all: [...L, F]
): Product<[...ListOf<L>, FieldsOf<F>]>;
export function product(...all: readonly (ValueSource | Fields)[]): Product<unknown> {
  const axes: ProductAxis[] = [];
  for (const [position, each] of all.entries()) {
    if (isValues(each)) axes.push({ name: null, values: valuesOf(each) });
    else if (position === all.length - 1 && typeof each === "object" && each !== null) {
      for (const [name, values] of Object.entries(each)) {
        if (!isValues(values)) throw notValues(values);
        axes.push({ name, values: valuesOf(values) });
      }
    } else throw notValues(each);
  }
  if (axes.length === 0) throw notValues(undefined);
  return new Product(axes);
}

/** Types are not checked in a plain JavaScript program. */
const isValues = (given: unknown): given is ValueSource =>
  typeof given === "object" && given !== null && Symbol.iterator in given;

const valuesOf = (given: ValueSource) => (given instanceof NumberRange ? given : [...given]);

const notValues = (found: unknown) =>
  new InvalidInput("product", [
    "expected lists or ranges, and at most one object of them as the last argument, found " +
      (typeof found === "object" ? "another object" : `a value of type ${typeof found}`),
  ]);
