import { describe, expect, test } from "bun:test";

import type { Db } from "../../../src/db/connection/connect.ts";
import { type OutcomeRun, packRuns, type PackedRuns } from "../../../src/db/engine/outcome-rows.ts";
import { recordPacked } from "../../../src/db/engine/outcomes.ts";
import { leased, type LeasedJob, nth, queueOfFile, refusal } from "../engine.ts";

const freshQueue = queueOfFile();

/** Records two jobs as one run, with these texts. */
function recordTwo(db: Db, pool: number, jobs: readonly LeasedJob[], texts: Partial<PackedRuns>) {
  const { leaseId, postingId, attempt, seq } = nth(jobs, 0);
  const packedAt = performance.now();
  const run: OutcomeRun = {
    ...{ leaseId, postingId, attempt, firstSeq: seq, state: "done", workerPid: 1 },
    endedAt: Float64Array.of(packedAt, packedAt),
    durationsMs: Float64Array.of(1, 2),
    ...{ delaysMs: null, results: null, errors: null, stdouts: null, stderrs: null },
    usage: null,
  };
  const packed = { ...packRuns([run], packedAt), ...texts };
  return recordPacked(db, pool, { packed, packedAt }, []);
}

describe("U7: the texts of a run", () => {
  test("are a line for each job, of JSON, or of a JSON string", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    const texts = {
      results: '{"b":1,"a":"\\u00e9"}\n',
      stdouts: '"plain\\n"\n"\\u001b[1m \\"\\\\"',
      stderrs: '\n "after a space"',
    };
    expect(await recordTwo(db, pool, jobs, texts)).toBe(0);
    const rows = await db.sql`
      select result::text, stdout, stderr from pdoflow.outcome order by seq`;
    expect([...rows]).toEqual([
      { result: '{"b":1,"a":"\\u00e9"}', stdout: "plain\n", stderr: null },
      { result: null, stdout: '\u001b[1m "\\', stderr: "after a space" },
    ]);
  });

  test.each([
    ["too few lines", { stdouts: '"a"' }],
    ["too many lines", { stdouts: '"a"\n"b"\n' }],
    ["a number for a string", { stdouts: '"a"\n5' }],
    ["no JSON", { stdouts: '"a"\nb' }],
    ["two strings on a line", { stderrs: '"a","b"\n"c"' }],
    ["a string on two lines", { stderrs: '"a\nb"' }],
    ["NUL as an escape", { stdouts: '"a"\n"\\u0000"' }],
    ["half a surrogate pair", { stderrs: '"a"\n"\\ud800"' }],
    ["a result that is no JSON", { results: "1\n}" }],
    ["a result that jsonb refuses", { results: '1\n{"a":"\\u0000"}' }],
    ["two results on a line", { results: "1,2\n" }],
  ])("are refused with %s", async (_how, texts) => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    expect(await refusal(recordTwo(db, pool, jobs, texts))).toMatch(
      /expected a line for each of 2 jobs|invalid input syntax|unsupported Unicode escape/,
    );
    expect(await db.sql`select from pdoflow.outcome_run`).toHaveLength(0);
    expect(await recordTwo(db, pool, jobs, {})).toBe(0);
  });

  test("are not compressed by pglz, which would take longer than short jobs", async () => {
    await using db = await freshQueue();
    const { pool, jobs } = await leased(db, 2);
    const stdouts = `"${"x".repeat(30_000)}"\n"${"x".repeat(30_000)}"`;
    await recordTwo(db, pool, jobs, { stdouts });
    const [row] = await db.sql<{ compression: string | null }[]>`
      select pg_column_compression(stdouts) as compression from pdoflow.outcome_run`;
    expect(["lz4", null]).toContain(row?.compression ?? null);
  });
});
