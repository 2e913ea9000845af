import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { queueOfFile } from "../engine.ts";

const freshQueue = queueOfFile();

test("each statement is logged once with its time, and never with a parameter", async () => {
  await using db = await freshQueue();
  const told: string[] = [];
  const onStatement = (text: string, ms: number) => {
    expect(ms).toBeGreaterThanOrEqual(0);
    told.push(text);
  };
  await using other = connect({ ...db.target, onStatement }, { connections: 1 });
  const { sql } = other;
  const name = sql`as name`;
  const [row] = await sql`select ${"s3cret"}::text ${name}`;
  expect(row).toEqual({ name: "s3cret" });
  await sql.begin(async (tx) => tx`select ${"s3cret"}::text`);
  await sql.unsafe("select 1; select 2");
  expect(await sql`select 1 / ${0}::int`.then(() => "accepted", String)).toContain("division");
  expect(told).toEqual([
    "select $1::text as name",
    "select $1::text",
    "select 1; select 2",
    "select 1 / $1::int",
  ]);
});
