import type * as v from "valibot";

import { exitCodes, NothingToPost, PdoflowError } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { PostingOptions } from "../../domain/posting-options.ts";
import { separator, integers } from "../connection/array.ts";
import { blocksText } from "./blocks-text.ts";
import { type DigestForm, statementText } from "../../domain/signed-posting.ts";
import type { Sweep } from "../../domain/sweep.ts";
import { Batches, type JobBatch } from "./batches.ts";
import { BlockDigests, sha256 } from "./block-digests.ts";
import type { PostingDb } from "./caller-transaction.ts";
import type { Tx } from "../connection/connect.ts";
import { type Signer, signPosting } from "./signatures.ts";
import { addStaged, createStage, stageJobs } from "./stage.ts";

/** A key belongs to a posting of another entry point, so the work is not the same. */
class KeyTaken extends PdoflowError {
  override readonly name = "KeyTaken";
  readonly exitCode = exitCodes.usage;
  constructor(key: string, id: number, found: string, wanted: string) {
    super(
      `the key "${key}" belongs to posting ${id} of ${found}; expected a key of its own for a ` +
        `posting of ${wanted}. Nothing was posted.`,
    );
  }
}

export interface NewPosting extends v.InferInput<typeof PostingOptions> {
  entryPoint: string;
  /** For all jobs without a priority of their own. */
  priority: number;
  osUser: string;
  /** Signs it for pools that only run signed postings; not signed by default. */
  signer?: Signer | null;
}

export interface Posted {
  id: number;
  jobCount: number;
  /** False if its key had been posted before. */
  isNew: boolean;
  /** Tells it from a posting that gets the same number after a failover (P20). */
  token: number;
}

const batchesInFlight = 3;

/** Jobs as they are read, or described. */
export type JobsToPost = AsyncIterable<JobBatch> | Iterable<JobBatch> | Sweep;

/**
 * Posts one job for each argument list of `jobs`, all or none, and returns once that is
 * committed. Memory is bounded by the batches, not by the posting. `source` names where the jobs
 * come from, for the message if there are none. `openSpan` makes room for more postings.
 *
 * @throws {NothingToPost} there was no job; nothing is written.
 * @throws {KeyTaken} its key belongs to a posting of another entry point.
 * @throws {InvalidInput} an option is out of its range.
 */
export async function insertPosting(
  db: PostingDb,
  posting: NewPosting,
  jobs: JobsToPost,
  source: string,
  openSpan: () => Promise<void> = async () => void (await openSpanBy(db)),
): Promise<Posted> {
  const work = { posting, options: optionsText(posting) };
  if ("isNormal" in jobs) {
    return await posted(posting, openSpan, () =>
      posting.signer
        ? db.sql.begin(async (sql) => await postSigned(db, sql, work, jobs))
        : postSweep(db, work, jobs),
    );
  }
  const read = new Batches(jobs);
  try {
    const batch = await read.onlyOne();
    // The signed text contains its number, which is only known inside the transaction.
    const only = posting.signer ? null : batch;
    if (read.isEmpty) throw new NothingToPost(source);
    return await posted(posting, openSpan, () =>
      only === null
        ? db.sql.begin(async (sql) => await postInParts(db, sql, work, read))
        : postAtOnce(db, work, only),
    );
  } finally {
    await read.close();
  }
}

interface Work {
  posting: NewPosting;
  /** As begin_posting takes them. */
  options: string;
}

/** The result of begin_posting and post_batch; nulls if a span must be opened first (X1). */
interface Head {
  postingId: number | null;
  jobCount: number;
  isNew: boolean;
  entryPoint: string;
  token: number;
}

const defaults = new Map<string, string>(
  Object.entries(parse(PostingOptions, {}, "options of a posting")).map(([name, value]) => [
    name,
    JSON.stringify(value),
  ]),
);

/**
 * Options that differ from the defaults; the database has the same defaults and checks each option.
 */
export function optionsText(posting: NewPosting): string {
  const options = parse(PostingOptions, posting, "options of a posting");
  const given = Object.entries(options).filter(
    ([name, value]) => JSON.stringify(value) !== defaults.get(name),
  );
  return JSON.stringify(Object.fromEntries(given));
}

/**
 * Posts, and repeats that after making room if no span has any: `post` reads no jobs before it has
 * a number.
 */
async function posted(
  posting: NewPosting,
  openSpan: () => Promise<void>,
  post: () => Promise<Head>,
): Promise<Posted> {
  for (;;) {
    const { postingId: id, jobCount, isNew, entryPoint, token } = await post();
    if (id === null) {
      await openSpan();
      continue;
    }
    if (!isNew && entryPoint !== posting.entryPoint) {
      throw new KeyTaken(posting.key ?? "", id, entryPoint, posting.entryPoint);
    }
    return { id, jobCount, isNew, token };
  }
}

/** In a separate transaction. */
export const openSpanBy = ({ sql, schema }: PostingDb) => sql`select ${schema}.next_span()`;

/** Makes room for more postings well in advance, as a pool does with its heartbeats. */
export const keepRoom = ({ sql, schema }: PostingDb) => sql`select ${schema}.pool_keep_room()`;

/** Most postings are one batch, and need one statement. */
async function postAtOnce(
  db: PostingDb,
  { posting, options }: Work,
  batch: JobBatch,
): Promise<Head> {
  const { sql, schema } = db;
  const { args, indexes, lanes } = sorted(batch);
  const [head] = await sql<Head[]>`
    select * from ${schema}.post_batch(
      ${posting.entryPoint}, ${options}::text::jsonb, ${blocksText(args)},
      ${indexes && integers(indexes)}::integer[],
      ${lanes && integers(lanes.map(([priority]) => priority))}::integer[],
      ${lanes && integers(lanes.map(([, size]) => size))}::integer[], false)`;
  return requireHead(head);
}

async function postSweep(
  { sql, schema }: PostingDb,
  { posting, options }: Work,
  { text }: Sweep,
): Promise<Head> {
  const [head] = await sql<Head[]>`
    select * from ${schema}.post_sweep(
      ${posting.entryPoint}, ${options}::text::jsonb, ${text}, false)`;
  return requireHead(head);
}

async function postSigned(
  db: PostingDb,
  sql: Tx,
  { posting, options }: Work,
  { text, size }: Sweep,
): Promise<Head> {
  const { schema } = db;
  const head = await beginPosting(db, sql, { posting, options });
  if (head.postingId === null || !head.isNew) return head;
  await sql`select ${schema}.add_sweep(${head.postingId}, ${text})`;
  if (posting.signer) {
    const signed = { form: "sweep" as const, blocks: text, jobCount: size };
    await sign(db, sql, { posting, signer: posting.signer, id: head.postingId, signed });
  }
  await sql`select ${schema}.end_posting(${head.postingId}, null, null)`;
  return { ...head, jobCount: size };
}

/**
 * Sorts by priority, stable; returns the index of each job if priorities differ, and the lanes (N1,
 * J2).
 */
function sorted({ args, priorities }: JobBatch) {
  if (priorities === undefined) return { args, indexes: null, lanes: null };
  const sizes = new Map<number, number>();
  for (const priority of priorities) sizes.set(priority, (sizes.get(priority) ?? 0) + 1);
  const lanes = [...sizes].sort(([a], [b]) => b - a);
  if (lanes.length === 1) return { args, indexes: null, lanes };
  const indexes = [...args.keys()].sort((a, b) => (priorities[b] ?? 0) - (priorities[a] ?? 0));
  return { args: indexes.map((index) => args[index] ?? ""), indexes, lanes };
}

function requireHead(head: Head | undefined): Head {
  if (head === undefined) throw new Error("a function that returns one row returned none");
  return head;
}

async function beginPosting({ schema }: PostingDb, sql: Tx, { posting, options }: Work) {
  const [head] = await sql<Head[]>`
    select * from ${schema}.begin_posting(${posting.entryPoint}, ${options}::text::jsonb, false)`;
  return requireHead(head);
}

async function postInParts(
  db: PostingDb,
  sql: Tx,
  { posting, options }: Work,
  batches: Batches,
): Promise<Head> {
  const { schema } = db;
  const head = await beginPosting(db, sql, { posting, options });
  if (head.postingId === null || !head.isNew) return head;
  const digests = posting.signer ? new BlockDigests() : null;
  const isStaged = await sendJobs(db, sql, head.postingId, posting.priority, batches, digests);
  const lanes = isStaged ? await addStaged(db, sql, head.postingId) : null;
  if (posting.signer && digests) {
    const signed = { ...digests.end(), form: digests.form };
    await sign(db, sql, { posting, signer: posting.signer, id: head.postingId, signed });
  }
  const [ended] = await sql<{ jobCount: number }[]>`
    select ${schema}.end_posting(
      ${head.postingId}, ${lanes && integers(lanes.map(({ priority }) => priority))}::integer[],
      ${lanes && integers(lanes.map(({ size }) => size))}::integer[]) as job_count`;
  return { ...head, jobCount: ended?.jobCount ?? 0 };
}

async function sign(
  db: PostingDb,
  sql: Tx,
  {
    posting,
    signer,
    id,
    signed: { form, blocks, jobCount },
  }: {
    posting: NewPosting;
    signer: Signer;
    id: number;
    signed: { form: DigestForm; blocks: string; jobCount: number };
  },
): Promise<void> {
  const { entryPoint } = posting;
  const options = parse(PostingOptions, posting, "options of a posting");
  const statement = statementText(
    { entryPoint, options },
    {
      ...{ posting: id, jobCount, code: signer.code },
      arguments: { form, blocks: sha256(blocks) },
    },
  );
  const { keyId } = signer;
  const signature = signer.sign(statement);
  await signPosting(db, sql, { postingId: id, statement, keyId, signature, blocks });
}

/** Sends jobs as they are read; jobs with priorities go to a temporary table, to be sorted. */
async function sendJobs(
  { schema }: PostingDb,
  sql: Tx,
  id: number,
  priority: number,
  batches: Batches,
  digests: BlockDigests | null,
): Promise<boolean> {
  let jobCount = 0;
  let isStaged: boolean | null = null;
  const inFlight: Promise<unknown>[] = [];
  for await (const batch of batches) {
    if (isStaged === null) {
      isStaged = batch.priorities !== undefined;
      if (isStaged) await createStage(sql);
    }
    const text = isStaged ? batch.args.join(separator) : blocksText(batch.args);
    const priorities = isStaged ? (batch.priorities ?? batch.args.map(() => priority)) : undefined;
    digests?.add(batch.args, priorities);
    const sent = priorities
      ? stageJobs(sql, jobCount, text, priorities)
      : sql`select ${schema}.add_jobs(${id}, ${text}, null)`;
    const settled = Promise.resolve(sent);
    settled.catch(() => {}); // reported by the await below; a later one may fail before that
    inFlight.push(settled);
    jobCount += batch.args.length;
    if (inFlight.length > batchesInFlight) await inFlight.shift();
  }
  await Promise.all(inFlight);
  return isStaged ?? false;
}
