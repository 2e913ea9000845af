import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The last output of one stream of a running job. */
export interface Tail {
  bytes: Uint8Array;
  /** The number of bytes that it has printed up to its end. */
  end: number;
}

/** The output of a running job, as its pool reports it. */
export interface LiveOutput {
  posting: number;
  seq: number;
  attempt: number;
  stdout: Tail;
  stderr: Tail;
}

export interface LiveRow {
  index: number;
  attempt: number;
  stdout: Uint8Array;
  stdoutEnd: number;
  stderr: Uint8Array;
  stderrEnd: number;
}

/**
 * Makes pools report the output of running jobs of a posting for the next 15 seconds, and returns
 * the reported output: the last 16 KiB of each stream, about every second. Repeat the call as long
 * as someone is watching. Pools write nothing for postings that nobody follows.
 */
export const follow = ({ sql, schema }: Db, postingId: number) => sql<LiveRow[]>`
  select * from ${schema}.follow(${postingId})`;

/** Reports the output of running jobs of a pool; replaces its previous report. */
export async function showOutput(
  { sql, schema }: Db,
  poolId: number,
  output: readonly LiveOutput[],
): Promise<void> {
  const numbers = (pick: (one: LiveOutput) => number) => integers(output.map(pick));
  const coded = (pick: (one: LiveOutput) => Tail) =>
    texts(output.map((one) => Buffer.from(pick(one).bytes).toString("base64")));
  await sql`
    select ${schema}.pool_show(
      ${poolId}, ${numbers(({ posting }) => posting)}::bigint[],
      ${numbers(({ seq }) => seq)}::integer[], ${numbers(({ attempt }) => attempt)}::integer[],
      ${coded(({ stdout }) => stdout)}::text[],
      ${numbers(({ stdout }) => stdout.end)}::bigint[],
      ${coded(({ stderr }) => stderr)}::text[],
      ${numbers(({ stderr }) => stderr.end)}::bigint[])`;
}
