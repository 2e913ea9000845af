// examples/post.py, by psycopg, and the values that docs/values.md has for Python.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { decodeValue } from "../../src/job/values.ts";
import { eachJob } from "../db/each-job.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";

const python = "/usr/bin/python3";
const hasPsycopg = Bun.spawnSync(["/bin/sh", "-c", `${python} -c 'import psycopg'`]).exitCode === 0;
if (!hasPsycopg) console.log(`skipped: ${python} has no psycopg (Debian: python3-psycopg)`);

let db: TestDatabase;
beforeAll(async () => void (db = await freshDatabase()));
afterAll(() => db[Symbol.asyncDispose]());

/** Runs a program of Python with the database in its environment. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { host, port, user, database } = db.db.target;
  const env = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database };
  const child = Bun.spawn([python, ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = [child.stdout.text(), child.stderr.text()];
  return { code: await child.exited, out: await out, err: await err };
}

test.skipIf(!hasPsycopg)(
  "examples/post.py posts the given number of jobs, in order",
  async () => {
    const file = join(import.meta.dir, "../../examples/post.py");
    const { code, out, err } = await run(file, "25000");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const [row] = await db.sql`
    select id, job_count,
           (select count(*)::int from ${db.sql.unsafe(eachJob)} where posting_id = p.id
              and (args ->> 0)::int = seq) as in_order,
           (select args::text from ${db.sql.unsafe(eachJob)} where posting_id = p.id and seq = 7) as seventh
    from pdoflow.posting p`;
    expect(row).toMatchObject({ id: Number(out), jobCount: 25_000, inOrder: 25_000 });
    expect(decodeValue(row?.["seventh"])).toEqual([7, { rate: NaN }]);
    expect((await run(file, "0")).err).toContain("expected at least one job");
  },
  60_000,
);

test.skipIf(!hasPsycopg)("NaN and dates go from Python to a job, and back", async () => {
  const program = `
import json, math
from datetime import datetime, timezone
import psycopg
from psycopg.types.json import Jsonb

def plain(x):
    if isinstance(x, float) and not math.isfinite(x):
        return {"$number": "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"}
    if isinstance(x, datetime):
        return {"$date": x.isoformat()}
    return [plain(y) for y in x] if isinstance(x, list) else x

with psycopg.connect() as connection:
    args = [[1.5, math.nan, -math.inf, datetime(2026, 1, 2, tzinfo=timezone.utc), "ä"]]
    (posting,) = connection.execute(
        "select pdoflow.post(%s, %s, %s)", ["py.ts#f", Jsonb(plain(args)), Jsonb({"name": "py"})]
    ).fetchone()
    print(posting)
    try:
        connection.execute("select pdoflow.post('py.ts#f', '[]')")
    except psycopg.Error as error:
        print(error.sqlstate)
        connection.rollback()
`;
  const { code, out, err } = await run(
    "-c",
    program.replace("print(posting)", "print(posting); connection.commit()"),
  );
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [id, sqlstate] = out.trim().split("\n");
  expect(sqlstate).toBe("PF002");
  const [row] = await db.sql`
    select args::text as args from ${db.sql.unsafe(eachJob)} where posting_id = ${Number(id)}`;
  const date = new Date("2026-01-02T00:00:00Z");
  expect(decodeValue(row?.["args"])).toEqual([1.5, NaN, -Infinity, date, "ä"]);
});
