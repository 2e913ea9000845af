import { expect, test } from "bun:test";

import { describeNeededGrant, kindsAllowing } from "../../../src/db/connection/needed-grant.ts";
import { queueOfFile } from "../engine.ts";

const freshQueue = queueOfFile();

test("each function and relation of the schema needs the grant that the message names", async () => {
  await using db = await freshQueue();
  const rows = await db.sql<{ what: string; name: string; kinds: string }[]>`
    with named as (
      select 'function' as what, proname as name from pg_proc
      where pronamespace = 'pdoflow'::regnamespace
      union
      select 'table', relname from pg_class
      where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p', 'v'))
    select what, name, array_to_string(array(
      select kind from unnest(array['poster', 'viewer', 'operator', 'pool', 'scaler']) as kind
      where name = any (case what when 'function' then pdoflow.kind_calls(kind)
                                  else pdoflow.kind_reads(kind) end)), ',') as kinds
    from named`;
  expect(rows.length).toBeGreaterThan(100);
  const wrong = rows.filter(({ what, name, kinds }) => kindsAllowing(what, name).join() !== kinds);
  expect([...wrong]).toEqual([]);
});

test.each([
  ["permission denied for function pool_register", 'the role ada lacks the grant "pool". Ask'],
  ["permission denied for function pause", "--role ada as KIND, where KIND is poster or operator."],
  ["permission denied for table outcome", "--role ada as viewer, or as poster for its own."],
  ["permission denied for table grantee", "only the owner of the queue may do that."],
  ["permission denied for database science", "grant create on database science to ada;"],
  ["the role ada may not post", "this role may not do that."],
])("%s", (message, expected) => {
  expect(describeNeededGrant(message, "ada")).toContain(expected);
});

test("the message names no role if it is not known", () => {
  expect(describeNeededGrant("permission denied for function post", null)).toBe(
    'this role lacks the grant "poster". Ask the owner of the queue to run: pdoflow grant --role ' +
      "ROLE as poster.",
  );
});
