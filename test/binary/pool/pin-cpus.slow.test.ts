import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli, said } from "../cli.ts";

const postWhere = async (cli: Cli) => {
  await cli.write(
    "where.ts",
    `import { readFileSync } from "node:fs";
     export const where = () =>
       /^Cpus_allowed_list:\\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))[1];`,
  );
  await cli.run("post", "where.ts#where", "--each", "1");
};

test("a pool with --pin-cpus starts its workers by way of taskset", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await postWhere(cli);
  const { code, err } = await cli.run(
    ...["pool", "--once", "--pin-cpus", "--resource", "cpus=1", "--max-workers", "1"],
  );
  expect({ code, err }).toMatchObject({ code: 0 });
  const [row] = await db.sql`select result::text from pdoflow.outcome`;
  expect(row?.["result"]).toMatch(/^"\d+"$/);
});

test("the reason for a worker that was never ready has the end of its stderr", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await postWhere(cli);
  await cli.write("taskset", "#!/bin/sh\necho 'taskset: no affinity here' >&2\nexit 1\n");
  chmodSync(join(cli.folder, "taskset"), 0o755);
  const pool = Bun.spawn([...cli.command, "pool", "--pin-cpus", "--max-workers", "1"], {
    ...{ cwd: cli.folder, env: { ...cli.env, PATH: `${cli.folder}:${cli.env["PATH"] ?? ""}` } },
    ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
  await said(pool, "exited with code 1 before it was ready: taskset: no affinity here");
  pool.kill("SIGKILL");
  await pool.exited;
});
