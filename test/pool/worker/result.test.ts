import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

test("a job that returns too much has failed, and its pool goes on", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fill.ts", 'export const fill = (mib: number) => "x".repeat(mib * 2 ** 20);');
  await cli.runWith({ input: "[70]\n[1]\n" }, "post", "fill.ts#fill", "-", "--max-attempts", "1");
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain("1 done, 1 failed");
  const [row] = await db.sql`select error from pdoflow.outcome where state = 'failed'`;
  expect(row?.["error"]).toMatchObject({
    name: "ResultTooLarge",
    message: expect.stringContaining("64 MiB"),
  });
});

const kinds = `
import { appendFileSync } from "node:fs";
const ran = (name: string) => appendFileSync("ran.log", name + "\\n");
class Decimal { constructor(readonly text: string) {} toJSON() { return this.text; } }
export const decimal = () => (ran("decimal"), new Decimal("1.5"));
export const within = () => (ran("within"), { at: new Date(0), list: [new Decimal("2"), NaN] });
export const circular = () => { ran("circular"); const a: Record<string, unknown> = {}; a["self"] = a; return a; };
export const response = () => (ran("response"), new Response("body"));
export const generator = function* () { ran("generator"); yield 1; };
export const instance = () => (ran("instance"), new (class Model { weight = 1; })());
export const throwing = () => (ran("throwing"), { toJSON() { throw new RangeError("no JSON"); } });
export const endless = () => (ran("endless"), { toJSON() { return this; } });
`;

test("a job whose result can't be kept fails at once, says so, and is not run again", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("results.ts", kinds);
  const kept = { decimal: "1.5", within: { at: { $date: "1970-01-01T00:00:00.000Z" } } };
  const lost = ["circular", "response", "instance", "throwing", "endless"];
  const names = [...Object.keys(kept), ...lost];
  for (const name of [...names, "generator"]) {
    await db.sql`select pdoflow.post(${`results.ts#${name}`}, '[[]]', '{"backoffMs": 1}')`;
  }
  await db.sql`
    select pdoflow.post('results.ts#instance', '[[]]', '{"keepsResults": false, "name": "kept_none"}')`;
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.err).toContain("3 done, 6 failed, 0 failed attempts to be retried");
  const rows = await db.sql<{ name: string; state: string; result: unknown; error: string }[]>`
    select split_part(p.entry_point, '#', 2) as name, o.state, o.result, error ->> 'message' as error
    from pdoflow.outcome o join pdoflow.posting p on p.id = o.posting_id where p.name is null`;
  const by = new Map(rows.map((row) => [row.name, row]));
  expect(rows).toHaveLength(8);
  expect(by.get("decimal")).toMatchObject({ state: "done", result: "1.5" });
  expect(by.get("within")).toMatchObject({
    ...{ state: "done", result: { list: ["2", { $number: "NaN" }] } },
  });
  for (const name of [...lost, "generator"]) {
    expect([name, by.get(name)?.error]).toEqual([
      ...[name, expect.stringMatching(/^attempt 1 of the job returned, so its work is done, but/)],
    ]);
    expect(by.get(name)?.error).toContain("--no-results");
  }
  expect(by.get("throwing")?.error).toContain("no JSON");
  const ran = readFileSync(join(cli.folder, "ran.log"), "utf8").trim().split("\n");
  expect(ran.sort()).toEqual([...names, "instance"].sort()); // a generator's code never runs
});

test("outcomes that the database refuses are found by halving, and recorded without their values", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  // Stands for what jsonb or the encoding of a database refuses: something about one value. The
  // sequence counts the rows that were tried, also in statements that were refused.
  await db.sql`create sequence public.tried`;
  await db.sql`grant usage on sequence public.tried to public`;
  await db.sql`
    alter table pdoflow.outcome_run add constraint no_713 check (
      nextval('public.tried') > 0 and results !~ '(?n)^(5|713|714)$')`;
  await cli.write("same.ts", "export const same = (i: number) => i;");
  const input = Array.from({ length: 1_000 }, (_, i) => `[${i}]\n`).join("");
  await cli.runWith({ input }, "post", "same.ts#same", "-");
  const pool = await cli.run("pool", "--max-workers", "2", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain("997 done, 3 failed");
  for (const seq of [5, 713, 714]) {
    expect(pool.err).toContain(`posting 1, seq ${seq}: the database refused this outcome`);
  }
  const rows = await db.sql`
    select state, count(*)::int as n, count(result)::int as results, max(error ->> 'name') as name,
           sum(seq)::int as seqs
    from pdoflow.outcome group by state order by state`;
  expect([...rows]).toEqual([
    { state: "done", n: 997, results: 997, name: null, seqs: 499_500 - 1_432 },
    { state: "failed", n: 3, results: 0, name: "OutcomeRefused", seqs: 1_432 },
  ]);
  const [posting] = await db.sql`select state, done, failed from pdoflow.posting`;
  expect(posting).toEqual({ state: "finished", done: 997, failed: 3 });
  const [tried] = await db.sql`select last_value::int as rows from public.tried`;
  expect(tried?.["rows"]).toBeLessThan(150);
});
