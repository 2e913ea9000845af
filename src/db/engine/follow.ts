import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The last that one stream of a running job has printed. */
export interface Tail {
  bytes: Uint8Array;
  /** How many bytes it has printed up to there. */
  end: number;
}

/** What a running job has printed, as its pool tells it. */
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
 * Asks the pools to tell what running jobs of a posting print, for the next 15 seconds, and returns
 * what they have told: the last 16 KiB of each stream, about every second. Ask again meanwhile, as
 * long as somebody looks. Nothing is written for postings that nobody follows.
 */
export const follow = ({ sql, schema }: Db, postingId: number) => sql<LiveRow[]>`
  select * from ${schema}.follow(${postingId})`;

/** Tells what running jobs of a pool have printed; what it told of others before is forgotten. */
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
