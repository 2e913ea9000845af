import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/**
 * In characters of JSON. PostgreSQL takes more, but a worker would need several times as much
 * memory.
 */
const largestArguments = 64 * 2 ** 20;

/** The arguments of one job exceed the limit. */
class ArgumentsTooLarge extends PdoflowError {
  override readonly name = "ArgumentsTooLarge";
  readonly exitCode = exitCodes.usage;
  /** The index of the job in the posting, from 0. */
  readonly index: number;
  constructor(index: number, length: number) {
    const found = (length / 2 ** 20).toFixed(1);
    super(
      `Job ${index}: its arguments are ${found} MiB, the limit is 64 MiB. Put them into ` +
        "a file and pass its name. Nothing was posted.",
    );
    this.index = index;
  }
}

/**
 * Encoded argument lists in the order of their jobs, as JSON text; with a priority for each or
 * none.
 */
export interface JobBatch {
  args: readonly string[];
  priorities?: readonly number[] | undefined;
}

/** The non-empty batches of a posting, to be read once; the next two can be read in advance. */
export class Batches {
  readonly #source: AsyncIterator<JobBatch> | Iterator<JobBatch>;
  readonly #seen: JobBatch[] = [];
  #isAtEnd = false;
  /** The number of jobs read. */
  #count = 0;

  constructor(source: AsyncIterable<JobBatch> | Iterable<JobBatch>) {
    this.#source =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The first batch, if no other follows. Otherwise null, and no batch is lost. */
  async onlyOne(): Promise<JobBatch | null> {
    while (!this.#isAtEnd && this.#seen.length < 2) await this.#read();
    return this.#seen.length === 1 ? (this.#seen[0] ?? null) : null;
  }

  /** Whether nothing is left to read, as far as is known. */
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

  /** Ends the source, unless it has ended. */
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
