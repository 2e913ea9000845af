// Batches of outcomes that no pool of ours sends: refused as a whole, or by job, or recorded as said.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { freshQueue, leased, postJobs, refusal } from "../engine.ts";
import { brokenInvariants } from "../invariants.ts";
import { trying } from "./roles.ts";

let queue: Db;
/** One connection to it. */
let db: Db;

/** A pool has leased the ten jobs of posting 1, under lease 1; nobody those of posting 2. */
beforeAll(async () => {
  queue = await freshQueue();
  db = connect(queue.target, { connections: 1 });
  await leased(db, 10);
  await db.sql`update pdoflow.lease set id = 1`;
  await postJobs(db, 10);
});

afterAll(async () => {
  await db.close();
  await queue[Symbol.asyncDispose]();
});

/** The first three jobs are done, in the order of the fields of outcome_batch. */
const sound = {
  ...{ leases: "'{1}'", postings: "'{1}'", firsts: "'{0}'", ends: "'{3}'", attempts: "'{1}'" },
  ...{ states: "'{done}'", ages: "'{0}'", offsets: "array['{0,0,0}']" },
  ...{ durations: "array['{1,1,1}']", pids: "array['{1}']", delays: "null", results: "null" },
  ...{ errors: "null", stdouts: "null", stderrs: "null", complete: "'{}'", waited: "0" },
  usages: "null",
};
type Fields = Partial<typeof sound>;

/** Two runs of the same lease. */
const two = (firsts: string, ends: string, more: Fields = {}): Fields => ({
  ...{ leases: "'{1,1}'", postings: "'{1,1}'", firsts, ends, attempts: "'{1,1}'" },
  ...{ states: "'{done,done}'", ages: "'{0,0}'", offsets: "array['{0,0,0}','{0,0,0}']" },
  ...{ durations: "array['{1,1,1}','{1,1,1}']", pids: "array['{1}','{1,2,3}']" },
  ...more,
});

/** Records a batch and returns what was written: a text for each run. */
async function record({ sql }: Db, fields: Fields) {
  const all = Object.values({ ...sound, ...fields }).join(", ");
  const [row] = await sql.unsafe<{ refused: number }[]>(
    `select pdoflow.pool_record((select id from pdoflow.pool where number = 1),
       row(${all})::pdoflow.outcome_batch) as refused`,
  );
  const runs = await sql<{ run: string }[]>`
    select format('%s/%s-%s %s %s', posting_id, first_seq, end_seq, state,
                  array_to_string(worker_pids, ',')) as run
    from pdoflow.outcome_run order by posting_id, first_seq`;
  return { refused: row?.refused, runs: runs.map(({ run }) => run) };
}

const singles = (first: number, end: number, pid = 1) =>
  Array.from({ length: end - first }, (_, i) => `1/${first + i}-${first + i + 1} done ${pid}`);

const recorded: [title: string, fields: Fields, refused: number, runs: string[]][] = [
  ["nothing else", {}, 0, ["1/0-3 done 1"]],
  [
    "L2: a run beyond its lease",
    two("'{8,0}'", "'{11,3}'"),
    1,
    [...["1/0-1 done 1", "1/1-2 done 2", "1/2-3 done 3"], ...singles(8, 10)],
  ],
  ["L2: another posting", { postings: "'{2}'" }, 3, []],
  ["L2: another attempt", { attempts: "'{2}'" }, 3, []],
  ["L2: another lease", { leases: "'{2}'" }, 3, []],
  ["L2: no posting", { postings: "'{null}'" }, 3, []],
  ["no first job", { firsts: "'{null}'" }, 0, []],
  ["no end", { ends: "'{null}'" }, 0, []],
  ["L3: the end of a lease with other jobs", { complete: "'{1}'" }, 0, ["1/0-3 done 1"]],
  ["more firsts than runs", { firsts: "'{0,5}'" }, 0, singles(0, 3)],
  ["no lease, but a number", { leases: "null" }, 3, []],
];

test("U8: usage is recorded for all jobs of a run, or for each; a run that is split has the shares", async () => {
  const written = async (fields: Fields) => {
    let usages: (string | null)[] = [];
    await trying(db, async (tried) => {
      await record(tried, fields);
      const rows = await tried.sql<{ used: string | null }[]>`
        select array_to_string(usage, ' ', '-') as used from pdoflow.outcome_run order by first_seq`;
      usages = rows.map(({ used }) => used);
    });
    return usages;
  };
  expect(await written({ usages: "array['{30,6,7,null,12}']" })).toEqual(["30 6 7 - 12"]);
  const apart = "'{1,2,3,4,5,6,70,80,90,null,null,null,13,14,15}'";
  expect(await written({ usages: `array[${apart}]` })).toEqual([
    "1 2 3 4 5 6 70 80 90 - - - 13 14 15",
  ]);
  const refused = two("'{8,0}'", "'{11,3}'", { usages: `array['{30,6,7,null,12}',${apart}]` });
  const shares = ["1 4 70 - 13", "2 5 80 - 14", "3 6 90 - 15", "10 2 7 - 4", "10 2 7 - 4"];
  expect(await written(refused)).toEqual(shares);
});

test.each(recorded)("a batch with %s", async (_title, fields, refused, runs) => {
  await trying(db, async (tried) => {
    expect(await record(tried, fields)).toEqual({ refused, runs });
    expect(await brokenInvariants(tried)).toEqual([]);
  });
});

const lines = (text: string) => `array[e'${text}']`;

const text = (length: number) => `array['"' || repeat('x', ${length}) || '"']`;
const one: Fields = { ends: "'{1}'", offsets: "array['{0}']", durations: "array['{1}']" };

const usage = (count: number) =>
  `array['{${Array.from({ length: count }, (_, i) => i).join(",")}}']`;

const invalid: [title: string, fields: Fields, error: string][] = [
  ["U1: runs that overlap", two("'{0,2}'", "'{3,5}'"), "each attempt at a job once in a batch"],
  ["U1: the same run twice", two("'{0,0}'", "'{3,3}'"), "each attempt at a job once in a batch"],
  ["U1: a run within another", two("'{0,1}'", "'{3,2}'"), "each attempt at a job once"],
  ["U5: an end before the first job", { firsts: "'{3}'", ends: "'{1}'" }, "u5_a_run"],
  ["U5: no job", { firsts: "'{3}'" }, "u5_a_run"],
  ["U6: a negative offset", { offsets: "array['{0,-5,0}']" }, "u6_one_for_each_job"],
  ["U6: a null offset", { offsets: "array['{0,null,0}']" }, "u6_one_for_each_job"],
  ["U6: too few offsets", { offsets: "array['{0,0}']" }, "u6_one_for_each_job"],
  ["U6: too many durations", { durations: "array['{1,1,1,1}']" }, "u6_one_for_each_job"],
  ["U6: two workers of three jobs", { pids: "array['{1,2}']" }, "u6_one_for_each_job"],
  ["U6: a null worker", { pids: "array['{null}']" }, "u6_one_for_each_job"],
  ["U8: a number for each of two jobs of three", { usages: usage(10) }, "u8_usage"],
  ["U8: no number", { usages: "array['{}']" }, "u8_usage"],
  ["U8: a negative number", { usages: "array['{1,2,-3,null,5}']" }, "u8_usage"],
  ["U8: a number beyond all", { usages: "array['{1,2,1e30,4,5}']" }, "u8_usage"],
  ["U8: no number, but NaN", { usages: "array['{1,2,3,4,NaN}']" }, "u8_usage"],
  ["no state", { states: "'{null}'" }, "not-null"],
  ["no age", { ages: "null" }, "not-null"],
  ["an age beyond all times", { ages: "'{9223372036854775807}'" }, "out of range"],
  ["U7: a line too few", { results: lines("1\\n2") }, "expected a line for each of 3 jobs"],
  ["U7: no line", { results: lines("") }, "expected a line for each of 3 jobs"],
  ["U7: NUL in a result", { results: lines('\\n"\\\\u0000"\\n') }, "Unicode escape"],
  ["U7: half a character", { results: lines('\\n"\\\\ud800"\\n') }, "invalid input syntax"],
  ["U7: a number beyond all", { results: lines("1\\n1e200000\\n3") }, "overflows numeric"],
  [
    "U7: a number with too many digits",
    { results: "array[repeat('1', 200000) || e'\\n\\n']" },
    "overflows numeric",
  ],
  ["U7: two results on a line", { results: lines("1 2\\n\\n") }, "invalid input syntax"],
  ["U7: a result on two lines", { results: lines("[1\\n2]\\n") }, "invalid input syntax"],
  ["U7: output that is no text", { stdouts: lines("1\\n\\n") }, "one that is not a text"],
  ["U7: NUL in output", { stderrs: lines('"\\\\u0000"\\n\\n') }, "Unicode escape"],
  ["output of one job above 256 KiB", { ...one, stderrs: text(262_145) }, "at most 256 KiB"],
];

test.each(invalid)("no batch with %s", async (_title, fields, error) => {
  await trying(db, async (tried) => {
    expect(await refusal(record(tried, fields))).toContain(error);
  });
});
