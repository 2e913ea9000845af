// What jobs see of the environment, wherever they run.
import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

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

async function openProject(db: TestDatabase): Promise<Commands> {
  const cli = await openCommands(db);
  // Each worker has a mark of its own, by which what it leaves is found.
  const names = `export const names = () =>
    Object.keys(process.env).filter((name) => name !== "PDOFLOW_WORKER").sort();`;
  await cli.write("env.ts", names);
  return cli;
}

async function post(cli: Commands): Promise<string> {
  const options = { input: "[[]]", env: { DATABASE_URL: "" } };
  return (await cli.runWith(options, "post", "env.ts#names", "-")).out.trim();
}

test.each(["PGPASSWORD", "PG*", "PDOFLOW_*", "DATABASE_URL", "A-B", "a b", "**", "=", "*A"])(
  "--env %s is refused, with what is expected",
  async (names) => {
    await using db = await freshDatabase();
    using cli = await openProject(db);
    const { code, err } = await cli.run("pool", "--once", "--env", names);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("none that may lead") });
  },
);

test("execute-job and run see no more than a pool's jobs; a command sees what the shell does", async () => {
  await using db = await freshDatabase();
  using cli = await openProject(db);
  const id = await post(cli);
  const executed = async (...options: string[]) => {
    const args = ["execute-job", `${id}/0`, "--json", ...options];
    const { out } = await cli.runWith({ env: all }, ...args);
    return (JSON.parse(out) as { result: string[] }).result;
  };
  expect(await executed()).toEqual(least);
  expect(await executed("--env", "*")).toEqual(most);
  const run = async (...args: string[]) =>
    (await cli.runWith({ input: "[[]]", env: all }, "run", ...args)).out;
  expect(JSON.parse(await run("env.ts#names", "-"))).toEqual(least);
  expect(JSON.parse(await run("env.ts#names", "-", "--env", "*"))).toEqual(most);
  const command = ["--", "env | grep -o '^[A-Z_]*=' | tr -d '\\n'; true"];
  const shell = await run("-", ...command);
  for (const name of allButDatabase) expect(shell).toContain(`${name}=`);
  for (const name of [...Object.keys(database), "PDOFLOW_DATABASE_URL"]) {
    expect(shell).not.toContain(`${name}=`);
  }
  expect(await run("-", "--env", "LICENCE", ...command)).not.toContain("OTHER=");
});
