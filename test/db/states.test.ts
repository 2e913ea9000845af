import { expect, test } from "bun:test";

import { poolRowStates, postingStates } from "../../src/domain/states.ts";
import { queueOfFile } from "./engine.ts";

const freshQueue = queueOfFile();

test("the states of postings and pools equal those of the database, in the same order", async () => {
  await using db = await freshQueue();
  const [found] = await db.sql<{ postings: string; pools: string }[]>`
    select (select string_agg(enumlabel, ' ' order by enumsortorder) from pg_enum
            where enumtypid = ${`${db.target.schema}.posting_state`}::regtype) as postings,
           (select pg_get_constraintdef(oid) from pg_constraint
            where conrelid = ${`${db.target.schema}.pool`}::regclass
              and pg_get_constraintdef(oid) like '%''draining''::text, ''stopped''%' limit 1) as pools`;
  const pools = [...(found?.pools ?? "").matchAll(/'(\w+)'/g)].map(([, state]) => state);
  expect(found?.postings).toBe(postingStates.join(" "));
  expect(pools).toEqual([...poolRowStates]);
});
