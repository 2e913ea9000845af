import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import type { Tolerated } from "../../domain/tolerance.ts";
import { levelsOf } from "../../domain/upstream.ts";
import type { Db } from "../connection/connect.ts";
import type { JobBatch } from "./batches.ts";
import { callerDb, type PostingDb } from "./caller-transaction.ts";
import { insertPosting, type NewPosting, openSpanBy, type Posted } from "./insert.ts";
import { JobBatcher } from "./job-batcher.ts";

/** The results to read, and how many of them each job reads; null for one job that reads all. */
export interface Gathering {
  upstream: number;
  jobCount: number;
  groupSize: number | null;
  /** The number or percentage of results that may be missing. */
  tolerated: Tolerated;
  /** The encoded arguments of each job. */
  args: string;
}

/** The levels of a reduction have a key each, and only some of them were posted before. */
class ReductionChanged extends PdoflowError {
  override readonly name = "ReductionChanged";
  readonly exitCode = exitCodes.usage;
  constructor(key: string) {
    super(
      `the key "${key}" belongs to a reduction with other levels: use another key, or the same ` +
        "size and posting. Nothing was posted.",
    );
  }
}

/** No span has room: one must be opened in another transaction. */
class NoRoom extends Error {
  override readonly name = "NoRoom";
}

/**
 * Posts jobs that read the results of a posting: one posting, or one for each level of a reduction,
 * all or none. Returns them, the last one last.
 */
export async function insertLevels(
  db: Db,
  posting: NewPosting,
  gathering: Gathering,
  insert = insertPosting,
): Promise<Posted[]> {
  const noRoom = () => Promise.reject(new NoRoom());
  for (;;) {
    try {
      return await db.sql.begin(async (tx) => {
        const query = (text: string, parameters: string[]) => tx.unsafe(text, parameters);
        const within = callerDb({ query }, db.target.schema);
        return await insertLevelsIn(within, posting, gathering, noRoom, insert);
      });
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      await openSpanBy(db);
    }
  }
}

/** The same in a transaction; `openSpan` makes room for more postings. */
export async function insertLevelsIn(
  db: PostingDb,
  posting: NewPosting,
  { upstream, jobCount, groupSize, tolerated, args }: Gathering,
  openSpan: () => Promise<void>,
  insert = insertPosting,
): Promise<Posted[]> {
  const posted: Posted[] = [];
  const counts = levelsOf(jobCount, groupSize);
  if (counts.length > 1 && typeof posting.jobKey === "string") {
    throw new InvalidInput("jobKey", ["expected none: each level would replace the one before"]);
  }
  for (const [level, count] of counts.entries()) {
    const { key } = posting;
    const isLast = level === counts.length - 1;
    const hasOwnKey = typeof key === "string" && !isLast;
    const first = [
      ...(posting.after ?? []),
      { posting: upstream, kind: "after", ...tolerated } as const,
    ];
    const work = {
      ...posting,
      after: level === 0 ? first : [],
      gather: posted.at(-1)?.id ?? upstream,
      gatherSize: groupSize,
      // If a level fails, the last one is blocked, and reports that.
      ...(isLast ? {} : { onEnd: null, onFailure: null }),
      key: hasOwnKey ? `${key} (level ${level + 1})` : key,
    };
    posted.push(await insert(db, work, repeated(args, count), "the level", openSpan));
    const isMixed = posted.some(({ isNew }) => isNew !== posted[0]?.isNew);
    if (isMixed || posted[level]?.jobCount !== count) throw new ReductionChanged(key ?? "");
  }
  return posted;
}

/** The same arguments for some jobs. */
export function* repeated(args: string, count: number): Generator<JobBatch, void, undefined> {
  const batcher = new JobBatcher();
  for (let left = count; left > 0; left--) {
    const full = batcher.add(args);
    if (full) yield full;
  }
  const rest = batcher.take();
  if (rest) yield rest;
}
