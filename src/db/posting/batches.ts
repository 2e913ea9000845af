import { ArgumentsTooLarge, largestArguments } from "./arguments-too-large.ts";

/**
 * Encoded argument lists in the order of their jobs, as JSON text; with a priority for each or
 * none.
 */
export interface JobBatch {
  args: readonly string[];
  priorities?: readonly number[] | undefined;
}

/** The batches of a posting that are not empty, to be read once; two can be seen before. */
export class Batches {
  readonly #source: AsyncIterator<JobBatch> | Iterator<JobBatch>;
  readonly #seen: JobBatch[] = [];
  #isAtEnd = false;
  /** How many jobs were read. */
  #count = 0;

  constructor(source: AsyncIterable<JobBatch> | Iterable<JobBatch>) {
    this.#source =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The first batch, where no other follows; else null, and nothing is lost of what was read. */
  async onlyOne(): Promise<JobBatch | null> {
    while (!this.#isAtEnd && this.#seen.length < 2) await this.#read();
    return this.#seen.length === 1 ? (this.#seen[0] ?? null) : null;
  }

  /** Whether nothing is left to read, as far as was looked. */
  get isEmpty(): boolean {
    return this.#isAtEnd && this.#seen.length === 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobBatch, void, undefined> {
    for (;;) {
      const batch = this.#seen.shift();
      if (batch) yield batch;
      else if (this.#isAtEnd) return;
      else await this.#read();
    }
  }

  /** Tells the source that nothing more is read, unless it has ended. */
  async close(): Promise<void> {
    if (!this.#isAtEnd) await this.#source.return?.();
  }

  async #read(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) {
      this.#isAtEnd = true;
      return;
    }
    const { args } = next.value;
    const large = args.findIndex((text) => text.length > largestArguments);
    if (large >= 0) throw new ArgumentsTooLarge(this.#count + large, args[large]?.length ?? 0);
    this.#count += args.length;
    if (args.length > 0) this.#seen.push(next.value);
  }
}
