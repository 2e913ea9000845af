const separator = "\n";

/** A text for each of several jobs, joined by line feeds; an empty line stands for none. */
export class JobLines {
  readonly #source: string;
  /** Where the first line begins in the source, and where each line ends. */
  readonly #start: number;
  readonly #ends: Int32Array;

  private constructor(source: string, start: number, ends: Int32Array) {
    this.#source = source;
    this.#start = start;
    this.#ends = ends;
  }

  /** The lines of a text; null if their number is another than `count`, which is at least 1. */
  static in(text: string, count: number): JobLines | null {
    const ends = new Int32Array(count);
    const last = count - 1;
    let at = 0;
    for (let end = text.indexOf(separator); end >= 0; end = text.indexOf(separator, end + 1)) {
      if (at >= last) return null;
      ends[at++] = end;
    }
    if (at < last) return null;
    ends[last] = text.length;
    return new JobLines(text, 0, ends);
  }

  /** The text of one job, which has no line feed. */
  static one(text: string | null): JobLines | null {
    return text === null ? null : new JobLines(text, 0, Int32Array.of(text.length));
  }

  get count(): number {
    return this.#ends.length;
  }

  get text(): string {
    return this.#source.slice(this.#start, this.#endOf(this.count - 1));
  }

  /** The number of characters, without those between the lines. */
  get length(): number {
    return this.#endOf(this.count - 1) - this.#start - this.count + 1;
  }

  /** The length of the longest line. */
  get longest(): number {
    let longest = 0;
    for (let i = 0; i < this.count; i++) longest = Math.max(longest, this.#lengthOf(i));
    return longest;
  }

  /** The text of one job. */
  at(i: number): string | null {
    const line = this.#source.slice(this.#startOf(i), this.#endOf(i));
    return line === "" ? null : line;
  }

  /** The lines from `from` to before `to`, at least one. */
  slice(from: number, to: number): JobLines {
    return new JobLines(this.#source, this.#startOf(from), this.#ends.subarray(from, to));
  }

  /** The number of lines, from an index on, for which there is room, with a line feed each. */
  fitting(from: number, room: number): number {
    const limit = this.#startOf(from) + room;
    let [low, high] = [from, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#endOf(middle) + separator.length <= limit) low = middle + 1;
      else high = middle;
    }
    return low - from;
  }

  #lengthOf(i: number): number {
    return this.#endOf(i) - this.#startOf(i);
  }

  #startOf(i: number): number {
    return i === 0 ? this.#start : this.#endOf(i - 1) + separator.length;
  }

  #endOf(i: number): number {
    return this.#ends[i] ?? this.#start;
  }
}
