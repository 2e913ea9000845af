import { InvalidInput } from "../../domain/errors.ts";

/** A list, a generator, a stream: anything that `for await` accepts. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** @internal Reads any kind of source element by element. */
export class SourceReader<T> {
  readonly name: string;
  /** The element that was read last; undefined at the end. */
  item: T | undefined;
  isAtEnd = false;
  /** True once the source has turned out to have no elements. */
  isEmpty = false;
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  #hasBegun = false;

  /** @throws {InvalidInput} `source` can't be walked through. */
  constructor(name: string, source: Source<T>) {
    this.name = name;
    this.#iterator = iteratorOf(name, source);
  }

  /** Reads the next element. Gives a promise only if the source does: there may be millions. */
  advance(): Promise<void> | undefined {
    const step = this.#iterator.next();
    if ("then" in step) return step.then((step) => this.#take(step));
    this.#take(step);
    return undefined;
  }

  /** Lets a generator that was not read to its end run its `finally`. */
  async close(): Promise<void> {
    if (!this.isAtEnd) await this.#iterator.return?.();
  }

  #take(step: IteratorResult<T>): void {
    this.isAtEnd = step.done === true;
    this.item = step.done === true ? undefined : step.value;
    this.isEmpty = this.isAtEnd && !this.#hasBegun;
    this.#hasBegun = true;
  }
}

/** Types are not checked in a plain JavaScript program. */
function iteratorOf<T>(name: string, source: Source<T>): Iterator<T> | AsyncIterator<T> {
  const candidate: Partial<AsyncIterable<T> & Iterable<T>> = Object(source ?? {});
  const asynchronous = candidate[Symbol.asyncIterator]?.();
  const iterator = asynchronous ?? candidate[Symbol.iterator]?.();
  if (iterator !== undefined && typeof source !== "string") return iterator;
  throw new InvalidInput(name, [
    `expected a list, a generator or a stream, found ${foundInstead(name, source)}`,
  ]);
}

function foundInstead(name: string, source: unknown): string {
  if (source === null) return "null";
  if (source instanceof Promise) return "a promise: await it first";
  if (typeof source !== "object" || name !== "kwargs") return typeof source;
  return "an object. Options come after it: postWork(fn, posargs, [], { maxAttempts: 1 })";
}
