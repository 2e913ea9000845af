import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("a job that cannot be executed differs from a job that fails", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "hard.ts",
    "export const gone = () => process.exit(3); export const secret = () => Object.keys(process.env).filter((k) => /^PDOFLOW_(?!SLOT)|^PG/.test(k));",
  );
  await cli.post([1]);
  expect(await cli.run("execute-job", "1/7")).toMatchObject({
    code: 4,
    err: "pdoflow execute-job: there is no job 1/7\n",
  });
  expect(await cli.run("execute-job", "9/0")).toMatchObject({ code: 4 });
  expect(await cli.run("execute-job", "1")).toMatchObject({ code: 2 });
  expect(await cli.run("execute-job", "1/0-3")).toMatchObject({ code: 2 });
  const post = async (entry: string) =>
    (await cli.runWith({ input: "[[]]" }, "post", entry, "-", "--no-check")).out.trim();
  const gone = await cli.run("execute-job", `${await post("hard.ts#gone")}/0`);
  expect(gone.code).toBe(1);
  expect(gone.err).toContain("WorkerExited: the job ended its process with exit code 3");
  const secret = await cli.run("execute-job", `${await post("hard.ts#secret")}/0`);
  expect(secret.err).toContain("returned []");
  const missing = await cli.run("execute-job", `${await post("nowhere.ts#fn")}/0`);
  expect(missing).toMatchObject({ code: 1, err: expect.stringContaining("nowhere.ts") });
});
