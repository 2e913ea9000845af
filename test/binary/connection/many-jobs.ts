import { expect } from "bun:test";

import type { TestDatabase } from "../../database.ts";
import { type Cli, until } from "../cli.ts";

const jobs = 3_000;

export async function postJobs(cli: Cli, url: string): Promise<void> {
  await cli.write(
    "nap.ts",
    "export async function nap(i: number) { await Bun.sleep(1); return i; }",
  );
  const input = Array.from({ length: jobs }, (_, i) => `[${i}]\n`).join("");
  const posted = await cli.runWith(
    { input, env: { PDOFLOW_DATABASE_URL: url } },
    "post",
    "nap.ts#nap",
    "-",
  );
  expect(posted).toMatchObject({ code: 0, err: "" });
}

export const ended = (sql: TestDatabase["sql"], least: number) =>
  until(
    `${least} outcomes`,
    async () => {
      const [row] = await sql`select count(*)::int as n from pdoflow.outcome`;
      return row?.["n"] >= least;
    },
    40_000,
  );

/** Each job has ended once, at its first attempt, and nothing is left over. */
export async function expectAllDone(sql: TestDatabase["sql"]): Promise<void> {
  await until(
    "the posting to end",
    async () => {
      const [row] = await sql`select state from pdoflow.posting`;
      return row?.["state"] === "finished";
    },
    40_000,
  );
  const [row] = await sql`
    select (select done from pdoflow.posting) as done,
           (select count(*) from pdoflow.outcome where state = 'done')::int as outcomes,
           (select max(attempt) from pdoflow.outcome) as attempts,
           (select count(*) from pdoflow.lease where active)::int as held`;
  expect(row).toEqual({ done: jobs, outcomes: jobs, attempts: 1, held: 0 });
}
