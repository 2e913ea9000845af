import type { GatheredPage, UpstreamPosting } from "../../domain/upstream.ts";
import type { Db } from "../connection/connect.ts";

/** The posting whose results the jobs of a posting read (P13); null if they read none. */
export async function findUpstream(
  { sql, schema }: Db,
  postingId: number,
): Promise<UpstreamPosting | null> {
  const [row] = await sql<{ upstream: UpstreamPosting | null }[]>`
    select case when gather is not null then ${schema}.upstream_of(gather, gather_size) end
      as upstream
    from ${schema}.posting where id = ${postingId}`;
  return row?.upstream ?? null;
}

/** Results of a posting that the caller can see, from an index on: about 1 MiB, at least one. */
export async function readGathered(
  { sql, schema }: Db,
  { postingId, first, end }: { postingId: number; first: number; end: number },
): Promise<GatheredPage> {
  const [page] = await sql<GatheredPage[]>`
    select states, texts from ${schema}.read_results(${postingId}, ${first}, ${end})`;
  if (!page) throw new Error("a function that returns one row returned none");
  return page;
}
