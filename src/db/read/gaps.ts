/** A range of numbers, from `first` up to before `end`. */
export interface Gap {
  first: number;
  end: number;
}

/** The remaining numbers from 0 up to before `count`, after some have been taken out. */
export class Gaps {
  /** In order, none of them empty, none next to another. */
  readonly #gaps: Gap[];

  constructor(count: number) {
    this.#gaps = count > 0 ? [{ first: 0, end: count }] : [];
  }

  get isEmpty(): boolean {
    return this.#gaps.length === 0;
  }

  /** The gaps between `from` and before `end`, with at most `most` numbers in total. */
  within(from: number, end: number, most: number): Gap[] {
    const found: Gap[] = [];
    let left = most;
    for (let i = this.#indexOf(from); left > 0; i++) {
      const gap = this.#gaps[i];
      if (gap === undefined || gap.first >= end) break;
      const first = Math.max(gap.first, from);
      const piece = { first, end: Math.min(gap.end, end, first + left) };
      found.push(piece);
      left -= piece.end - piece.first;
    }
    return found;
  }

  /** Takes a number out. A number that is out already stays out. */
  remove(number: number): void {
    const i = this.#indexOf(number);
    const gap = this.#gaps[i];
    if (gap === undefined || number < gap.first) return;
    const parts = [
      { first: gap.first, end: number },
      { first: number + 1, end: gap.end },
    ].filter(({ first, end }) => first < end);
    this.#gaps.splice(i, 1, ...parts);
  }

  /** The index of the first gap that ends after `number`. */
  #indexOf(number: number): number {
    let [low, high] = [0, this.#gaps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#gaps[middle]?.end ?? Infinity) > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
