// The environment of jobs, wherever they run.
import { expect, test } from "bun:test";

import { openCommands } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";
import { all, allButDatabase, database, least, most, post, writeProject } from "./variables.ts";

test.each(["PGPASSWORD", "PG*", "PDOFLOW_*", "DATABASE_URL", "A-B", "a b", "**", "=", "*A"])(
  "--env %s is refused, with the expected form",
  async (names) => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await writeProject(cli);
    const { code, err } = await cli.run("pool", "--once", "--env", names);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("none that may lead") });
  },
);

test("execute-job and run pass no more variables than a pool; a command gets those of the shell", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await writeProject(cli);
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
