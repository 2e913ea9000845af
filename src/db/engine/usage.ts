import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** What attempts of one poster at one entry point used; what was not measured counts as nothing. */
export interface UsageReport {
  /** One of their postings. */
  postingId: number;
  attempts: number;
  wallMs: number;
  /** The duration of the attempts whose CPU time was measured. */
  measuredMs: number;
  cpuUserMs: number;
  cpuSystemMs: number;
  peakBytes: number;
  readBytes: number;
  writtenBytes: number;
}

/** A call of `pool_usage` takes at most 10,000 postings. */
const reportsPerCall = 1_000;

/** Adds to the sums by hour, for display (I1). */
export async function reportUsage(
  { sql, schema }: Db,
  poolId: number,
  reports: readonly UsageReport[],
): Promise<void> {
  for (let at = 0; at < reports.length; at += reportsPerCall) {
    const part = reports.slice(at, at + reportsPerCall);
    const numbers = part.flatMap((each) => [
      ...[each.attempts, each.wallMs, each.measuredMs, each.cpuUserMs, each.cpuSystemMs],
      ...[each.peakBytes, each.readBytes, each.writtenBytes],
    ]);
    await sql`
      select ${schema}.pool_usage(
        ${poolId}, ${integers(part.map(({ postingId }) => postingId))}::bigint[],
        ${integers(numbers)}::float8[])`;
  }
}
