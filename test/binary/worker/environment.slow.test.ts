// The environment of jobs, wherever they run.
import { expect, test } from "bun:test";

import { type Cli, openCli } from "../cli.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { all, least, most, post, writeProject } from "../../pool/worker/variables.ts";

async function inPool(db: TestDatabase, cli: Cli, ...options: string[]): Promise<string[]> {
  const id = await post(cli);
  expect((await cli.runWith({ env: all }, "pool", "--once", ...options)).code).toBe(0);
  const [row] = await db.sql<{ result: string[] }[]>`
    select result from pdoflow.outcome where posting_id = ${id}`;
  return row?.result ?? [];
}

test("a job in a pool sees the usual variables and those of --env, and never the way to the database", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await writeProject(cli);
  expect(await inPool(db, cli)).toEqual(least);
  expect(await inPool(db, cli, "--env", "")).toEqual(least);
  const some = await inPool(db, cli, "--env", "LICENCE, AWS_R*,ABSENT");
  expect(some).toEqual([...least, "AWS_REGION", "LICENCE"].toSorted());
  expect(await inPool(db, cli, "--env", "SLURM_JWT")).toEqual([...least, "SLURM_JWT"].toSorted());
  expect(await inPool(db, cli, "--env", "*")).toEqual(most);
  expect(await inPool(db, cli, "--env", "P*,D*")).toEqual([...least, "PBS_JOBCOOKIE"].toSorted());
});
