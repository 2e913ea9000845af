import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { refusedForms, refusedNames } from "../../fixtures/refused-entry-points.ts";
import { openCommands } from "../../cli/in-process.ts";

const source = `
import { writeFileSync } from "node:fs";
export const f = () => writeFileSync("ran", "f");
export const arr = [f];
export const obj = { p: { x: f } };
export const db = { run: f };
export const pid = () => process.pid;
`;

test("an entry point that no pool may call fails its job, and no worker ends by it", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs/ok.ts", source);
  await cli.write("outside/evil.ts", source);
  const texts = [...refusedForms, ...refusedNames];
  const options = db.sql.json({ maxAttempts: 1, priority: 1 });

  await db.sql`select pdoflow.post('jobs/ok.ts#pid', '[[]]', '{"priority": 2}')`;
  await db.sql`
    select pdoflow.post('jobs/ok.ts#f' || i, '[[]]', ${options})
    from generate_series(1, ${texts.length}::integer) i`;
  // As rows that were posted before SQL refused them.
  await db.sql`
    update pdoflow.posting p set entry_point = t.text
    from json_array_elements_text(${JSON.stringify(texts)}::text::json) with ordinality t (text, i)
    where p.entry_point = 'jobs/ok.ts#f' || t.i`;
  await db.sql`select pdoflow.post('jobs/ok.ts#pid', '[[]]')`;
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool).toMatchObject({ code: 1, out: "" });
  expect(pool.err).not.toMatch(/\n {4}at /);
  expect(existsSync(join(cli.folder, "ran"))).toBe(false);
  const failed = await db.sql<{ text: string; name: string; message: string }[]>`
    select entry_point as text, error ->> 'name' as name, error ->> 'message' as message
    from pdoflow.outcome o join pdoflow.posting p on p.id = o.posting_id where o.state = 'failed'`;
  // An export that is missing here may be there in another pool's code: its jobs wait.
  const open = await db.sql<{ text: string }[]>`
    select entry_point as text from pdoflow.posting where state = 'open'`;
  for (const { text } of open) expect(refusedNames).toContain(text);
  expect([...failed, ...open].map(({ text }) => text).sort()).toEqual(texts.sort());
  for (const { text, name } of failed) {
    expect([text, refusedForms.includes(text)]).toEqual([text, name === "InvalidInput"]);
  }
  const done = await db.sql<{ result: number }[]>`
    select result from pdoflow.outcome where state = 'done'`;
  expect(new Set(done.map(({ result }) => result)).size).toBe(1); // one worker, from first to last
  expect(done).toHaveLength(2);
});
