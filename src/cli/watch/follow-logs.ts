import type { Db } from "../../db/connection/connect.ts";
import { EndedJobs } from "../../db/read/ended-jobs.ts";
import { follow, type LiveRow } from "../../db/engine/follow.ts";
import type { JobRow, JobFilter } from "../../db/read/jobs.ts";
import { watchPostings } from "../../db/read/posting-watch.ts";
import { readEnded } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import { Bell } from "../../domain/bell.ts";
import { type IndexRange, withoutIndex } from "../../domain/selector.ts";
import { jobPages } from "../input/job-pages.ts";
import type { Selected } from "../input/select.ts";

const streams = ["stdout", "stderr"] as const;
const hasEnded = ({ status }: JobRow) =>
  status === "done" || status === "failed" || status === "cancelled";

/** New output of a running attempt. */
export interface LogPart {
  postingId: number;
  index: number;
  attempt: number;
  stream: (typeof streams)[number];
  text: string;
}

/** An ended attempt, with the stored output that was not yielded as parts before. */
export interface LogEnd {
  postingId: number;
  row: JobRow;
  rest: { stdout: string | null; stderr: string | null };
}

/** How much of an attempt's output has been yielded. */
interface Yielded {
  attempt: number;
  ends: { stdout: number; stderr: number };
  decoders: { stdout: TextDecoder; stderr: TextDecoder };
}

type WithDatabase = <T>(work: (db: Db) => Promise<T>) => Promise<T>;

/**
 * Passes the output of jobs to `print` while they run, and their ends, until all of them have
 * ended. Nothing is passed twice, and nothing is missing except output that was printed during a
 * lost connection and is not stored.
 */
export async function followLogs(
  withDatabase: WithDatabase,
  selected: readonly Selected[],
  filter: JobFilter,
  print: (news: LogPart | LogEnd) => Promise<void>,
): Promise<void> {
  const ids = new Set(selected.map(({ id }) => id));
  let followed: FollowedPosting[] | null = null;
  await watchPostings({
    check: async (db) => {
      followed ??= await followedPostings(db, selected, filter);
      for (const one of followed) for await (const news of one.poll(db)) await print(news);
      return followed.every(({ isOver }) => isOver) || undefined;
    },
    concerns: (id) => id === null || ids.has(id),
    bell: new Bell(),
    withDatabase,
  });
}

async function followedPostings(
  db: Db,
  selected: readonly Selected[],
  filter: JobFilter,
): Promise<FollowedPosting[]> {
  const found = new Map(
    (
      await findPostings(
        db,
        selected.map(({ id }) => id),
      )
    ).map((posting) => [posting.id, posting]),
  );
  return selected.map(({ id, indices }) => {
    const jobCount = found.get(id)?.jobCount ?? 0;
    const left = indices?.filter(({ first }) => first < jobCount) ?? null;
    return new FollowedPosting(db, id, jobCount, left, filter);
  });
}

class FollowedPosting {
  isOver = false;
  #db: Db;
  readonly #id: number;
  readonly #filter: JobFilter;
  readonly #ended: EndedJobs;
  /** The selected jobs that have not ended; null for all. */
  #left: readonly IndexRange[] | null;
  readonly #yielded = new Map<number, Yielded>();
  /** A job whose end was seen but not yielded, because the connection may have been lost. */
  #pending: number | null = null;

  constructor(
    db: Db,
    id: number,
    jobCount: number,
    left: readonly IndexRange[] | null,
    filter: JobFilter,
  ) {
    this.#db = db;
    this.#id = id;
    this.#filter = filter;
    this.#left = left;
    this.#ended = new EndedJobs((ranges) => readEnded(this.#db, id, ranges), jobCount);
  }

  /** Yields new output. If it throws, the next poll continues on another connection. */
  async *poll(db: Db): AsyncGenerator<LogPart | LogEnd> {
    if (this.isOver) return;
    this.#db = db;
    // Read first: a job that ends meanwhile is seen below, or at the next poll.
    const [counts] = await readPostingCounts(this.#db, [this.#id]);
    const isEnded = !counts || counts.waiting + counts.running + counts.retrying === 0;
    const { status } = this.#filter;
    const shows = !isEnded && (status === null || status === "running");
    for (const row of shows ? await follow(this.#db, this.#id) : []) {
      if (this.#isSelected(row.index)) yield* this.#parts(row);
    }
    yield* this.#left === null ? this.#endsOfAll(isEnded) : this.#endsOfSome(this.#left);
    this.isOver = isEnded || this.#left?.length === 0;
  }

  #isSelected(index: number): boolean {
    return this.#left?.some(({ first, last }) => first <= index && index <= last) ?? true;
  }

  *#parts(row: LiveRow): Generator<LogPart> {
    const { index, attempt } = row;
    const before = this.#yielded.get(index);
    const yielded = before?.attempt === attempt ? before : nothingYielded(attempt);
    this.#yielded.set(index, yielded);
    for (const stream of streams) {
      const end = row[`${stream}End`];
      const bytes = row[stream];
      const start = end - bytes.length;
      // The file of a job that prints endlessly is truncated from time to time.
      const known = end < yielded.ends[stream] ? 0 : yielded.ends[stream];
      yielded.ends[stream] = end;
      const fresh = bytes.subarray(Math.max(known - start, 0));
      const gap = start > known ? `… (${start - known} bytes left out) …\n` : "";
      const text = gap + yielded.decoders[stream].decode(fresh, { stream: true });
      if (text !== "") yield { postingId: this.#id, index, attempt, stream, text };
    }
  }

  async *#endsOfAll(isLast: boolean): AsyncGenerator<LogEnd> {
    yield* this.#endOfPending();
    for await (const { index } of this.#ended.read(isLast)) {
      this.#pending = index;
      yield* this.#endOfPending();
    }
  }

  async *#endOfPending(): AsyncGenerator<LogEnd> {
    if (this.#pending === null) return;
    const range = { first: this.#pending, last: this.#pending };
    for await (const end of this.#ends([range])) {
      this.#pending = null;
      yield end;
    }
    this.#pending = null; // if its row is gone
  }

  async *#endsOfSome(left: readonly IndexRange[]): AsyncGenerator<LogEnd> {
    for await (const end of this.#ends(left)) {
      this.#left = withoutIndex(this.#left ?? [], end.row.index);
      yield end;
    }
  }

  async *#ends(indices: readonly IndexRange[]): AsyncGenerator<LogEnd> {
    const filter = { ...this.#filter, status: null };
    for await (const { rows } of jobPages(this.#db, [{ id: this.#id, indices }], filter)) {
      for (const row of rows.filter(hasEnded)) {
        const rest = this.#rest(row);
        this.#yielded.delete(row.index);
        yield { postingId: this.#id, row, rest };
      }
    }
  }

  /** The stored output that was not yielded before. */
  #rest({ index, attempts, stdout, stderr }: JobRow): LogEnd["rest"] {
    const yielded = this.#yielded.get(index);
    const after = (text: string | null, stream: LogPart["stream"]) =>
      text === null || yielded?.attempt !== attempts
        ? text
        : Buffer.from(text).subarray(yielded.ends[stream]).toString("utf8");
    return { stdout: after(stdout, "stdout"), stderr: after(stderr, "stderr") };
  }
}

const nothingYielded = (attempt: number): Yielded => ({
  attempt,
  ends: { stdout: 0, stderr: 0 },
  decoders: { stdout: new TextDecoder(), stderr: new TextDecoder() },
});
