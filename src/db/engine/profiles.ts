import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The number of samples of each stack: its functions, outermost first, one per line. */
export type Stacks = Record<string, number>;

export interface Profile {
  /** The number of sampled attempts. */
  jobs: number;
  stacks: Stacks;
}

/** Adds samples of a pool to the profile of a posting. */
export const reportProfile = (
  { sql, schema }: Db,
  poolId: number,
  postingId: number,
  { jobs, stacks }: Profile,
) => sql`
  select ${schema}.pool_profile(
    ${poolId}, ${postingId}, ${jobs}, ${JSON.stringify(stacks)}::text::jsonb)`;

/** The samples of all pools for jobs of postings. */
export async function readProfile(
  { sql, schema }: Db,
  postingIds: readonly number[],
): Promise<Profile> {
  const rows = await sql<{ jobs: number; stacks: string }[]>`
    select jobs, stacks::text as stacks from ${schema}.profile
    where posting_id = any (${integers(postingIds)}::bigint[])`;
  const all: Profile = { jobs: 0, stacks: {} };
  for (const { jobs, stacks } of rows) addProfile(all, { jobs, stacks: JSON.parse(stacks) });
  return all;
}

/** Adds one profile to another. */
export function addProfile(to: Profile, { jobs, stacks }: Profile): void {
  to.jobs += jobs;
  for (const [stack, samples] of Object.entries(stacks)) {
    to.stacks[stack] = (to.stacks[stack] ?? 0) + samples;
  }
}
