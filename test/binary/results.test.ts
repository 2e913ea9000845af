import { expect, test } from "bun:test";

import { binary } from "../binary.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";
import { documentsOf } from "./json.ts";
import { peakBytes } from "./processes.ts";
import { openQueueCli } from "./queue-cli.ts";

test("results are in the order of posting, as NDJSON, with what has not ended", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([4, 3, 8]);
  await cli.drain();
  await cli.post([1], "fn.ts#quick");
  const { out, code } = await cli.run("results", "1", "2");
  expect(code).toBe(0);
  const lines = documentsOf("results", out);
  expect(lines).toMatchObject([
    { posting: 1, index: 0, status: "done", result: { i: 4, half: 2 }, error: null },
    { posting: 1, index: 1, status: "failed", result: null, error: { message: "3 is too far" } },
    { posting: 1, index: 2, status: "done" },
    { posting: 2, index: 0, status: "waiting", result: null, error: null },
  ]);
  expect(documentsOf("results", (await cli.run("results", "1/1-7")).out)).toEqual(
    lines.slice(1, 3),
  );
  expect((await cli.run("results", "1", "--state", "done", "--json")).out.split("\n")).toHaveLength(
    3,
  );
});

test("results as CSV and TSV have the fields of objects as columns", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write(
    "fn.ts",
    `export function fn(i) {
       if (i === 3) throw new Error('a, "b"');
       return i === 9 ? { i, late: true } : { i, text: "x\\ty, z" };
     }
     export const quick = (i) => [i, NaN];`,
  );
  await cli.post([1, 3]);
  await cli.post([5], "fn.ts#quick");
  await cli.post([...Array.from({ length: 20 }, () => 1), 9]);
  await cli.drain();
  expect((await cli.run("results", "1", "--csv")).out).toBe(
    'posting,index,status,error,i,text\r\n1,0,done,,1,"x\ty, z"\r\n' +
      '1,1,failed,"Error: a, ""b""",,\r\n',
  );
  expect((await cli.run("results", "1/0", "--tsv")).out).toBe(
    "posting\tindex\tstatus\terror\ti\ttext\n1\t0\tdone\t\t1\tx\\ty, z\n",
  );
  expect((await cli.run("results", "2", "--csv")).out).toContain(
    'result\r\n2,0,done,,"[5,{""$number"":""NaN""}]"',
  );
  const more = await cli.run("results", "3", "--csv");
  expect(more.code).toBe(2);
  expect(more.err).toContain('a later one has a field "late"');
  expect(await cli.run("results", "1", "--csv", "--tsv")).toMatchObject({ code: 2 });
});

/** A posting whose jobs are all done, with results of 100 characters. */
async function bigPosting({ sql }: TestDatabase, count: number): Promise<void> {
  await sql`insert into pdoflow.route (poster, poster_os) values ('a', 'a')`;
  await sql`
    insert into pdoflow.posting (id, entry_point, job_count, route_id, state, ended_at, done)
    values (1, 'a.ts#b', ${count}, 1, 'finished', now(), ${count})`;
  await sql`
    insert into pdoflow.job (posting_id, seq, args)
    select 1, n, '[]' from generate_series(0, ${count - 1}::integer) as n`;
  await sql`
    insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                                 duration_ms, state, result)
    select 1, 1, now(), n, 1, 1, 1, 'done', to_jsonb(repeat('x', 100))
    from generate_series(0, ${count - 1}::integer) as n`;
}

test("a reader that is slow does not make results pile up in memory", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await bigPosting(db, 150_000);
  const child = cli.start("results", "1");
  let lines = 0;
  let most = 0;
  for await (const bytes of child.stdout) {
    lines += bytes.filter((byte) => byte === 10).length;
    most = Math.max(most, peakBytes(child.pid));
    await new Promise(setImmediate);
  }
  expect(await child.exited).toBe(0);
  expect(lines).toBe(150_000);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(250 * 2 ** 20);
}, 60_000);

test("| head ends results at once, without a complaint", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await bigPosting(db, 50_000);
  const shell = Bun.spawn(["sh", "-c", '"$0" results 1 | head -n 1', await binary()], {
    env: cli.env,
    stdout: "pipe",
    stderr: "pipe",
  });
  expect((await shell.stdout.text()).split("\n")).toHaveLength(2);
  expect(await shell.stderr.text()).toBe("");
});
