// docs/values.md: its examples in other languages and in SQL are run.
import { describe, expect, test } from "bun:test";
import { runInThisContext } from "node:vm";

import { decodeValue, encodeValue } from "../../src/job/values.ts";
import { freshDatabase } from "../database.ts";
import { spell } from "./any-value.ts";

const page = await Bun.file(new URL("../../docs/values.md", import.meta.url)).text();

/** The rows of a section's table of three columns of code. */
function rowsOf(section: string): [string, string, string][] {
  const [, text = ""] = page.split(`## ${section}\n`);
  const [table = ""] = text.split("\n## ");
  const rows = [...table.matchAll(/^\| `(.*?)` +\| `(.*?)` +\| `(.*?)` +\|$/gm)];
  return rows.map(([, a = "", b = "", c = ""]) => [a, b, c]);
}

const other = rowsOf("In other languages");
const reading = rowsOf("Reading in SQL");
// In this realm: another one's Map is none of ours.
const evaluate = (code: string): unknown => runInThisContext(code);
const python = Bun.which("python3");

test("the tables are found", () => {
  expect([other.length, reading.length]).toEqual([12, 7]);
});

describe("the SQL and Python of the page write exactly what JavaScript stores", () => {
  test.each(other)("%s in SQL", async (code, sql) => {
    await using db = await freshDatabase();
    const [row] = await db.sql.unsafe(`select (${sql})::text as text`);
    expect(JSON.parse(row?.["text"])).toEqual(JSON.parse(encodeValue(evaluate(code))));
  });

  test.skipIf(python === null)("all of them in Python", async () => {
    const script = `import base64, json, struct
from datetime import datetime, timezone
${other.map(([, , expression]) => `print(json.dumps(${expression}))`).join("\n")}`;
    const lines = (await Bun.$`${python} -c ${script}`.text()).trim().split("\n");
    for (const [i, [code]] of other.entries()) {
      expect(spell(decodeValue(lines[i] ?? ""))).toBe(spell(evaluate(code)));
    }
    expect(lines).toHaveLength(other.length);
  });
});

test.each(reading)("%s is read by %s", async (stored, sql, gives) => {
  await using db = await freshDatabase();
  await db.sql`set timezone = 'UTC'`;
  const [row] = await db.sql.unsafe(
    `select (${sql})::text as text from (select '${stored}'::jsonb as value) v`,
  );
  expect(row?.["text"]).toBe(gives);
});
