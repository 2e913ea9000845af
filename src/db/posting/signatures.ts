import { integers } from "../connection/array.ts";
import type { DigestedJobs } from "./block-digests.ts";
import type { PostingDb } from "./caller-transaction.ts";
import type { Db, Tx } from "../connection/connect.ts";

/** Signs postings. */
export interface Signer {
  keyId: string;
  /** The signature of a text, in base64. */
  sign(text: string): string;
  /** The digest of the code that the posting may run; null for any code. */
  code: string | null;
}

export interface SignatureRow {
  postingId: number;
  statement: string;
  keyId: string;
  signature: string;
  blocks: string;
  maxRunning: number | null;
  rateCount: number | null;
  rateMs: number | null;
}

/** Signs a posting in the transaction that began it. */
export async function signPosting(
  { schema }: PostingDb,
  sql: Tx,
  {
    postingId,
    statement,
    keyId,
    signature,
    blocks,
  }: Pick<SignatureRow, "postingId" | "statement" | "keyId" | "signature" | "blocks">,
): Promise<void> {
  await sql`
    select ${schema}.sign_posting(${postingId}, ${statement}, ${keyId}, ${signature}, ${blocks})`;
}

/** For postings that have one, and that this role may run. */
export const readSignatures = ({ sql, schema }: Db, ids: readonly number[]) => sql<SignatureRow[]>`
  select * from ${schema}.pool_signatures(${integers(ids)}::bigint[])`;

/** The jobs of a block as they are stored now; null if there are none. */
export async function readBlock(
  { sql, schema }: Db,
  { postingId, firstSeq, endSeq }: { postingId: number; firstSeq: number; endSeq: number },
): Promise<DigestedJobs | null> {
  const [row] = await sql<{ args: string | null; indices: string | null }[]>`
    select * from ${schema}.pool_block(${postingId}, ${firstSeq}, ${endSeq})`;
  if (!row || row.args === null || row.indices === null) return null;
  return { args: row.args, indexes: row.indices.split(",").map(Number) };
}
