import * as v from "valibot";

import { type Edge, int32Max, Percentage, whole } from "./option-values.ts";

const expected = 'expected a number of jobs such as 3, or a percentage such as "1%"';

/** How many jobs of an upstream may fail or be cancelled: a number, or a percentage as text. */
export const Tolerance = v.union(
  [
    v.pipe(
      whole(0, int32Max),
      v.transform((tolerateJobs): Tolerated => ({ tolerateJobs })),
    ),
    v.pipe(
      v.string(),
      v.regex(/^\d+$/),
      v.transform(Number),
      whole(0, int32Max),
      v.transform((tolerateJobs): Tolerated => ({ tolerateJobs })),
    ),
    v.pipe(
      v.string(),
      v.regex(/^\d+(\.\d+)?%$/),
      v.transform(Number.parseFloat),
      Percentage,
      v.transform((toleratePercent): Tolerated => ({ toleratePercent })),
    ),
  ],
  expected,
);

export type Tolerated = Pick<Edge, "tolerateJobs" | "toleratePercent">;
