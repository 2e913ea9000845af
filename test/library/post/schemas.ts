// Jobs whose arguments have a schema, of each of three packages.
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";

import { job } from "../../../src/index.ts";

const point = { x: 1, at: "2026-01-01" };

export const valibotJob = job((x, { rate }) => x + rate.getTime(), {
  args: v.tuple([
    v.number(),
    v.object({
      rate: v.pipe(
        v.string(),
        v.isoDate(),
        v.transform((day) => new Date(day)),
      ),
    }),
  ]),
});

export const zodJob = job(async (p) => p.x + p.at.length + p.deep.n, {
  args: z.object({
    x: z.number().default(7),
    at: z.string(),
    deep: z.object({ n: z.number() }).default({ n: 0 }),
  }),
});

export const arkJob = job((n, words) => words.join(",").repeat(n), {
  args: type(["number>0", "string[]"]),
});

/** Of one argument with only optional fields: a list would pass as such an object. */
export const lenientJob = job((options) => options.a ?? 0, {
  args: v.object({ a: v.optional(v.number()) }),
});

export const slowJob = job((n) => n, {
  args: v.tupleAsync([
    v.pipeAsync(
      v.number(),
      v.checkAsync(async (n) => await Promise.resolve(n > 0), "not positive"),
    ),
  ]),
});

export { point };
