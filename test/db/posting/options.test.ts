// The options of src/domain/posting-options.ts and those of sql/engine/options.sql are the same.
import { afterAll, beforeAll, expect, test } from "bun:test";

import * as v from "valibot";

import type { Db } from "../../../src/db/connection/connect.ts";
import {
  optionList,
  type OptionName,
  postingOptions,
  PostingOptions,
  unchangedOptions,
} from "../../../src/domain/posting-options.ts";
import { rateText } from "../../../src/domain/rate.ts";
import { freshQueue, newPool, postJobs, take } from "../engine.ts";

let db: Db;
beforeAll(async () => {
  db = await freshQueue();
  // Posts with these options; returns the error, or null and the posting as it was stored.
  await db.sql`
    create function try_post(p_options jsonb, out fault text, out stored jsonb) language plpgsql
    as $$ declare
      v_id bigint;
    begin
      v_id := pdoflow.post('a.ts#f', '[[1]]', p_options);
      select to_jsonb(p) || jsonb_build_object(
        'priority', l.priority, 'needs', r.needs, 'os_user', r.poster_os, 'run', r.run,
        'project', nullif(r.project, ''),
        'after', (select coalesce(jsonb_agg(e), '[]') from pdoflow.edge e where posting_id = p.id),
        'key', (select key from pdoflow.posting_key where posting_id = p.id),
        'job_key', (select key from pdoflow.job_key where posting_id = p.id))
      into stored
      from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
        join pdoflow.lane l on l.posting_id = p.id where p.id = v_id;
    exception when sqlstate 'PF002' then fault := sqlerrm;
      -- A value that could be that of an existing posting.
      when sqlstate 'PF003' then stored := p_options;
    end $$`;
  await postJobs(db, 1);
  const flows = values.filter((value) => Number.isInteger(value) && Number(value) > 0);
  await db.sql`
    insert into pdoflow.flow (id, name, poster, poster_os)
    select distinct id, 'x', current_user, ''
    from unnest(${`{${flows.join(",")}}`}::bigint[]) as f (id)`;
});
afterAll(() => db[Symbol.asyncDispose]());

const year = 31_536_000_000;
const edges = [0, 1, 100, 1000, 2 ** 31 - 1, -(2 ** 31), year, 100 * year];
const lengths = [1, 100, 500, 1000];
/** Among these each option has values that it accepts and values that it refuses. */
const values: readonly unknown[] = [
  ...[null, true, false, [], {}, [1], "", "1", 0.5, -1],
  ...edges.flatMap((edge) => [edge - 1, edge, edge + 1]),
  ...lengths.flatMap((length) => ["a", "é", "😀"].map((letter) => letter.repeat(length))),
  ...lengths.map((length) => "a".repeat(length + 1)),
  ...["hold", "cancel", "run", "failures", "all", "some", "a b", "a.b-c:d+e_f", ".a", "a\tb", "*"],
  ...["10/s", "999999999/h", "0/s", "1000000000/s", "10/d", "1.5/s", "10"],
  ...["2099-01-01T02:00:00Z", "2099-01-01 02:00:00.25+05:30", "2001-01-01T00:00:00Z"],
  ...["2099-01-01", "2099-01-01T02:00:00", "2099-13-01T02:00:00Z", "99999-01-01T02:00:00Z"],
  [["gpu", "has"]],
  ...[">=", "="].flatMap((operator) => [1, "x", true].map((value) => [["a", operator, value]])),
  ...[[["gpu"]], [["gpu", "has", 1]], [["gpu", ">", 1]], ["gpu"], [[1, "has"]], [[]]],
];

/** SQL takes any letters beyond ASCII for letters, and has a list of priorities. */
const isSqlOnly = (name: OptionName, value: unknown) =>
  ((name === "name" || name === "stage") && String(value).includes("😀")) ||
  (name === "priority" && Array.isArray(value));

test.each(optionList)("SQL accepts the same values of $name, and stores them", async (option) => {
  const { name, schema } = option;
  const rows = await db.sql<Row[]>`
    select t.* from jsonb_array_elements(${JSON.stringify(values)}::text::jsonb)
      with ordinality as v (value, place),
      lateral try_post(jsonb_build_object(${name}::text, value)
        || case when value <> 'null' then ${beside(name)}::text::jsonb else '{}' end) t
    order by place`;
  const counts = { accepted: 0, refused: 0 };
  for (const [index, { fault, stored }] of rows.entries()) {
    const value = values[index];
    if (isSqlOnly(name, value)) continue;
    const here = v.safeParse(schema.wrapped, value);
    counts[here.success ? "accepted" : "refused"]++;
    expect({ name, value, fault, ok: fault === null }).toMatchObject({ value, ok: here.success });
    if (here.success)
      expect([value, storedOf(name, stored)]).toEqual([value, expected(name, here.output)]);
  }
  expect(rows).toHaveLength(values.length);
  expect(counts).not.toContainValue(0);
});

/** Other options that an option needs: posting 1 has one job. */
const beside = (name: OptionName): string => {
  const others = { gatherSize: { gather: 1 }, flowId: { stage: "x" }, stage: { flowId: 1 } };
  return JSON.stringify(Object.entries(others).find(([each]) => each === name)?.[1] ?? {});
};

interface Row {
  fault: string | null;
  stored: Record<string, unknown>;
}

/** The column of an option has its name; a rate has two. */
function storedOf(name: OptionName, stored: Record<string, unknown>): unknown {
  if (name === "maxRate") {
    return rateText(Number(stored["rate_count"]) || null, Number(stored["rate_ms"]) || null);
  }
  const column = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  expect([name, Object.keys(stored)]).toEqual([name, expect.arrayContaining([column])]);
  const value = stored[column];
  return ["runAt", "deadline", "startBy"].includes(name) && typeof value === "string"
    ? new Date(value).toISOString()
    : value;
}

function expected(name: OptionName, value: unknown): unknown {
  if (["runAt", "deadline", "startBy"].includes(name) && typeof value === "number") {
    return expect.stringMatching(/^20[2-9]\d-/);
  }
  const isPast = name === "runAt" && String(value) < "2020";
  return isPast || (name === "project" && value === "*") ? null : value;
}

test("SQL knows no other options", async () => {
  const [row] = await db.sql<{ source: string }[]>`
    select string_agg(prosrc, '') as source from pg_proc
    where proname = 'with_option' and pronamespace = 'pdoflow'::regnamespace`;
  const names = [...(row?.source ?? "").matchAll(/\bwhen ('\w+'(?:, '\w+')*) then/g)].flatMap(
    ([, list = ""]) => list.replaceAll("'", "").split(", "),
  );
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(postingOptions).toSorted());
});

test("SQL has the same defaults", async () => {
  const [row] = await db.sql<Row[]>`select * from try_post('{}')`;
  for (const [name, value] of Object.entries(v.parse(PostingOptions, {}))) {
    expect([name, storedOf(name as OptionName, row?.stored ?? {})]).toEqual([name, value]);
  }
});

test.each([...unchangedOptions, "stopAfter" as const])(
  "a pool that claims gets %s of each posting",
  async (name) => {
    const usual = v.parse(PostingOptions, {})[name];
    const other = values.find(
      (value) => value !== usual && v.is(postingOptions[name].schema, value),
    );
    await db.sql`update pdoflow.lane set state = 'closed' where state = 'open'`;
    const ids = [
      await postJobs(db, 1, { [name]: usual }),
      await postJobs(db, 1, { [name]: other }),
    ];
    const ranges = await take(db, await newPool(db));
    expect(ranges.map(({ postingId, posting }) => [postingId, posting?.[name]])).toEqual([
      [ids[0] ?? 0, usual],
      [ids[1] ?? 0, other as typeof usual],
    ]);
  },
);
