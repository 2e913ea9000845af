// What jobs see of the environment, wherever they run.
import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";

const usual = { LC_TIME: "C", SLURM_JOB_ID: "7", OMP_NUM_THREADS: "2", CUDA_VISIBLE_DEVICES: "0" };

const named = { LICENCE: "x", AWS_REGION: "eu" };

const secrets = {
  AWS_SECRET_ACCESS_KEY: "s",
  SLURM_JWT: "s",
  PBS_JOBCOOKIE: "s",
  GITHUB_TOKEN: "s",
};

const database = { PGPASSFILE: "/none", PGAPPNAME: "x", DATABASE_URL: "postgres://s" };

const all = { ...usual, ...named, ...secrets, ...database, OTHER: "y" };

const ofBun = ["BUN_RUNTIME_TRANSPILER_CACHE_PATH"];

const least = [...ofBun, ...Object.keys(usual), "HOME", "PATH", "TZ"].toSorted();

const allButDatabase = Object.keys(all).filter((name) => !(name in database));

const most = [...ofBun, ...allButDatabase, "HOME", "PATH", "TZ"].toSorted();

async function openProject(db: TestDatabase): Promise<Cli> {
  const cli = await openCli(db);
  // Each worker has a mark of its own, by which what it leaves is found.
  const names = `export const names = () =>
    Object.keys(process.env).filter((name) => name !== "PDOFLOW_WORKER").sort();`;
  await cli.write("env.ts", names);
  return cli;
}

async function post(cli: Cli): Promise<string> {
  const options = { input: "[[]]", env: { DATABASE_URL: "" } };
  return (await cli.runWith(options, "post", "env.ts#names", "-")).out.trim();
}

async function inPool(db: TestDatabase, cli: Cli, ...options: string[]): Promise<string[]> {
  const id = await post(cli);
  expect((await cli.runWith({ env: all }, "pool", "--once", ...options)).code).toBe(0);
  const [row] = await db.sql<{ result: string[] }[]>`
    select result from pdoflow.outcome where posting_id = ${id}`;
  return row?.result ?? [];
}

test("a job in a pool sees what is usual, what --env names, and never the way to the database", async () => {
  await using db = await freshDatabase();
  using cli = await openProject(db);
  expect(await inPool(db, cli)).toEqual(least);
  expect(await inPool(db, cli, "--env", "")).toEqual(least);
  const some = await inPool(db, cli, "--env", "LICENCE, AWS_R*,ABSENT");
  expect(some).toEqual([...least, "AWS_REGION", "LICENCE"].toSorted());
  expect(await inPool(db, cli, "--env", "SLURM_JWT")).toEqual([...least, "SLURM_JWT"].toSorted());
  expect(await inPool(db, cli, "--env", "*")).toEqual(most);
  expect(await inPool(db, cli, "--env", "P*,D*")).toEqual([...least, "PBS_JOBCOOKIE"].toSorted());
});
