import type { FlowSpec, JobsDigest } from "../../domain/flow-spec.ts";
import type { Db, Sql, Tx } from "../connection/connect.ts";
import type { PostingDb } from "./caller-transaction.ts";
import { JobsDigester, digestOf } from "./jobs-digester.ts";
import { insertPosting, type JobsToPost, type NewPosting, type Posted } from "./insert.ts";

/** Statements of one transaction, which can begin parts of it (savepoints). */
export function transactionDb<D extends Pick<Db, "sql">>(db: D, sql: Tx): D {
  const begin = <T>(work: (sql: Tx) => Promise<T>) => sql.savepoint(work);
  return { ...db, sql: Object.assign(sql, { begin }) as unknown as Sql };
}

/** The properties of a flow besides its stages. */
export interface NewFlow {
  name: string;
  key?: string | null | undefined;
  osUser: string;
  /** The receivers to notify when nothing of it goes on any more … */
  onEnd?: string | null | undefined;
  /** … and only if it has failed. */
  onFailure?: string | null | undefined;
}

/** Begins a flow, or finds the one that has its key; then nothing should be posted. */
export async function beginFlow(
  { sql, schema }: PostingDb,
  { name, ...options }: NewFlow,
): Promise<{ flowId: number; isNew: boolean }> {
  const [row] = await sql<{ flowId: number; isNew: boolean }[]>`
    select * from ${schema}.begin_flow(${name}, ${JSON.stringify(options)}::text::jsonb)`;
  if (row === undefined) throw new Error("begin_flow returned no row");
  return row;
}

/** Locks a flow, to post more of it in this transaction. */
export const continueFlow = ({ sql, schema }: PostingDb, flow: number) =>
  sql`select ${schema}.continue_flow(${flow}::bigint)`;

/** Stores what was posted of a flow. */
export const endFlow = ({ sql, schema }: PostingDb, flow: number, spec: FlowSpec) =>
  sql`select ${schema}.end_flow(${flow}::bigint, ${JSON.stringify(spec)}::text::jsonb)`;

/** What its poster stored about a flow. */
export async function readSpec({ sql, schema }: PostingDb, flow: number): Promise<unknown> {
  const [row] = await sql<{ spec: unknown }[]>`
    select spec from ${schema}.flow where id = ${flow}`;
  return row?.spec ?? {};
}

/** The place of a posting in a flow. */
export interface FlowPlace {
  flowId: number;
  stage: string;
}

interface StageToInsert {
  posting: NewPosting;
  place: FlowPlace;
  jobs: JobsToPost;
  /** Where the jobs come from, for messages. */
  source: string;
}

/** Posts a stage in the transaction of its flow, and digests its jobs. */
export async function insertStage(
  db: PostingDb,
  { posting, place, jobs, source }: StageToInsert,
): Promise<Posted & { digest: JobsDigest }> {
  const placed = { ...posting, ...place };
  if ("isNormal" in jobs) {
    return { ...(await insertPosting(db, placed, jobs, source)), digest: await digestOf(jobs) };
  }
  const digested = new JobsDigester(jobs);
  const posted = await insertPosting(db, placed, digested, source);
  return { ...posted, digest: digested.digest() };
}
