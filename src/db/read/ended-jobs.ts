import type { ResultRow } from "./results.ts";
import { type Gap, Gaps } from "./gaps.ts";
import { firstPageRows, nextPageSize } from "./pages.ts";

/** How far beyond the last ended job to search, and the unfinished jobs searched at once. */
const outlookJobs = 2_000;
const vainJobs = 20_000;

type ReadEnded = (ranges: readonly Gap[]) => Promise<readonly (ResultRow & { seq: number })[]>;

/**
 * The jobs of a posting as they end. Jobs are claimed by their seq, so all jobs
 * up to some seq have ended except for a few gaps: these are read again, and a little beyond.
 */
export class EndedJobs {
  readonly #read: ReadEnded;
  readonly #jobCount: number;
  readonly #gaps: Gaps;
  /** Where the next read begins. */
  #nextSeq = 0;
  /** After the last job that is known to have ended. */
  #furthest = 0;
  #size = firstPageRows;

  constructor(read: ReadEnded, jobCount: number) {
    this.#read = read;
    this.#jobCount = jobCount;
    this.#gaps = new Gaps(jobCount);
  }

  /** Jobs that have ended since the last call or, if `isLast`, all that it has not yet returned. */
  async *read(isLast: boolean): AsyncGenerator<ResultRow, void, undefined> {
    if (isLast) this.#nextSeq = 0;
    const vainMax = isLast ? Infinity : vainJobs;
    for (let vain = 0; !this.#gaps.isEmpty && vain < vainMax;) {
      const end = isLast ? this.#jobCount : this.#furthest + outlookJobs;
      const ranges = this.#gaps.within(this.#nextSeq, end, this.#size);
      const last = ranges.at(-1);
      if (last === undefined) {
        this.#nextSeq = 0; // from the beginning, the next time
        return;
      }
      const rows = await this.#read(ranges);
      for (const { seq, ...row } of rows) {
        this.#gaps.remove(seq);
        this.#furthest = Math.max(this.#furthest, seq + 1);
        yield row;
      }
      this.#nextSeq = last.end;
      const looked = ranges.reduce((sum, { first, end }) => sum + end - first, 0);
      vain += looked - rows.length;
      const chars = rows.reduce((sum, row) => sum + lengthOf(row), looked);
      this.#size = nextPageSize(looked, chars);
    }
  }
}

export const lengthOf = ({ result, error }: ResultRow) =>
  (result?.length ?? 0) + (error?.length ?? 0);
