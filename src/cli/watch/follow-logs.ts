import type { Db } from "../../db/connection/connect.ts";
import { EndedJobs } from "../../db/read/ended-jobs.ts";
import { follow, type LiveRow } from "../../db/engine/follow.ts";
import type { JobRow, JobFilter } from "../../db/read/jobs.ts";
import { requireWrites } from "../../db/connection/open.ts";
import { readEnded } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import { type IndexRange, withoutIndex } from "../../domain/selector.ts";
import { jobPages } from "../input/job-pages.ts";
import type { Selected } from "../input/select.ts";
import { mayComeBack } from "../../db/read/posting-watch.ts";

const everyMs = 1_000;
const streams = ["stdout", "stderr"] as const;
const hasEnded = ({ status }: JobRow) =>
  status === "done" || status === "failed" || status === "cancelled";

/** Some more of what an attempt has printed, while it runs. */
export interface Part {
  postingId: number;
  index: number;
  attempt: number;
  stream: (typeof streams)[number];
  text: string;
}

/** An attempt that has ended, and what was kept of its output and not given as parts before. */
export interface End {
  postingId: number;
  row: JobRow;
  rest: { stdout: string | null; stderr: string | null };
}

/** How far what an attempt prints has been given. */
interface Given {
  attempt: number;
  ends: { stdout: number; stderr: number };
  decoders: { stdout: TextDecoder; stderr: TextDecoder };
}

/**
 * What jobs print, as they do, and their ends, until all of them have ended. A connection that was
 * lost is replaced by `open`, for five minutes; nothing is given twice, nor left out but for what
 * jobs have printed meanwhile and whose output is not kept.
 */
export async function* followLogs(
  open: () => Promise<Db>,
  selected: readonly Selected[],
  wish: JobFilter,
): AsyncGenerator<Part | End> {
  let db: Db | null = await open();
  try {
    const followed: Followed[] = [];
    for (const { id, indices } of selected) {
      const [posting] = await findPostings(db, [id]);
      const jobCount = posting?.jobCount ?? 0;
      const left = indices?.filter(({ first }) => first < jobCount) ?? null;
      followed.push(new Followed(db, id, jobCount, left, wish));
    }
    let reachedAt = performance.now();
    for (;;) {
      try {
        db ??= await open();
        await requireWrites(db);
        for (const one of followed) yield* one.look(db);
        reachedAt = performance.now();
        if (followed.every(({ isOver }) => isOver)) return;
      } catch (error) {
        if (!mayComeBack(error, reachedAt)) throw error;
        await db?.abort();
        db = null;
      }
      await Bun.sleep(everyMs);
    }
  } finally {
    await db?.close();
  }
}

class Followed {
  isOver = false;
  #db: Db;
  readonly #id: number;
  readonly #wish: JobFilter;
  readonly #ended: EndedJobs;
  /** The jobs that were asked for and have not ended; null for all. */
  #left: readonly IndexRange[] | null;
  readonly #given = new Map<number, Given>();
  /** Has ended, and is not given yet: what was about it may have been lost on its way. */
  #owed: number | null = null;

  constructor(
    db: Db,
    id: number,
    jobCount: number,
    left: readonly IndexRange[] | null,
    wish: JobFilter,
  ) {
    this.#db = db;
    this.#id = id;
    this.#wish = wish;
    this.#left = left;
    this.#ended = new EndedJobs((ranges) => readEnded(this.#db, id, ranges), jobCount);
  }

  /** What is new. Where it throws, the next look goes on from there, by another connection. */
  async *look(db: Db): AsyncGenerator<Part | End> {
    if (this.isOver) return;
    this.#db = db;
    // Asked for before all else: what ends meanwhile is seen below, or the next time.
    const [counts] = await readPostingCounts(this.#db, [this.#id]);
    const isEnded = !counts || counts.waiting + counts.running + counts.retrying === 0;
    const { status } = this.#wish;
    const shows = !isEnded && (status === null || status === "running");
    for (const row of shows ? await follow(this.#db, this.#id) : []) {
      if (this.#isAskedFor(row.index)) yield* this.#parts(row);
    }
    yield* this.#left === null ? this.#endsOfAll(isEnded) : this.#endsOfSome(this.#left);
    this.isOver = isEnded || this.#left?.length === 0;
  }

  #isAskedFor(index: number): boolean {
    return this.#left?.some(({ first, last }) => first <= index && index <= last) ?? true;
  }

  *#parts(row: LiveRow): Generator<Part> {
    const { index, attempt } = row;
    const before = this.#given.get(index);
    const given = before?.attempt === attempt ? before : nothingGiven(attempt);
    this.#given.set(index, given);
    for (const stream of streams) {
      const end = row[`${stream}End`];
      const bytes = row[stream];
      const start = end - bytes.length;
      // Where a job prints without end, its file is emptied now and then.
      const known = end < given.ends[stream] ? 0 : given.ends[stream];
      given.ends[stream] = end;
      const fresh = bytes.subarray(Math.max(known - start, 0));
      const gap = start > known ? `… (${start - known} bytes left out) …\n` : "";
      const text = gap + given.decoders[stream].decode(fresh, { stream: true });
      if (text !== "") yield { postingId: this.#id, index, attempt, stream, text };
    }
  }

  async *#endsOfAll(isLast: boolean): AsyncGenerator<End> {
    yield* this.#endOfOwed();
    for await (const { index } of this.#ended.look(isLast)) {
      this.#owed = index;
      yield* this.#endOfOwed();
    }
  }

  async *#endOfOwed(): AsyncGenerator<End> {
    if (this.#owed === null) return;
    const range = { first: this.#owed, last: this.#owed };
    for await (const end of this.#ends([range])) {
      this.#owed = null;
      yield end;
    }
    this.#owed = null; // where its row is gone
  }

  async *#endsOfSome(left: readonly IndexRange[]): AsyncGenerator<End> {
    for await (const end of this.#ends(left)) {
      this.#left = withoutIndex(this.#left ?? [], end.row.index);
      yield end;
    }
  }

  async *#ends(indices: readonly IndexRange[]): AsyncGenerator<End> {
    const wish = { ...this.#wish, status: null };
    for await (const { rows } of jobPages(this.#db, [{ id: this.#id, indices }], wish)) {
      for (const row of rows.filter(hasEnded)) {
        const rest = this.#rest(row);
        this.#given.delete(row.index);
        yield { postingId: this.#id, row, rest };
      }
    }
  }

  /** What was kept, but for what has been given. */
  #rest({ index, attempts, stdout, stderr }: JobRow): End["rest"] {
    const given = this.#given.get(index);
    const after = (text: string | null, stream: Part["stream"]) =>
      text === null || given?.attempt !== attempts
        ? text
        : Buffer.from(text).subarray(given.ends[stream]).toString("utf8");
    return { stdout: after(stdout, "stdout"), stderr: after(stderr, "stderr") };
  }
}

const nothingGiven = (attempt: number): Given => ({
  attempt,
  ends: { stdout: 0, stderr: 0 },
  decoders: { stdout: new TextDecoder(), stderr: new TextDecoder() },
});
