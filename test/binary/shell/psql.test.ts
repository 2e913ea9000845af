import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

/** Stands for the client of PostgreSQL, which not every machine has: prints how it was started. */
const stub = '#!/bin/sh\nprintf "%s\\n" "$@" "password=$PGPASSWORD"\nexit ${CODE:-0}\n';

test("psql gets its arguments, the URL of config --url, and the password in its environment", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("bin/psql", stub);
  chmodSync(join(cli.folder, "bin/psql"), 0o755);
  const env = { PATH: join(cli.folder, "bin"), PGPASSWORD: "s3cret" };
  const shown = await cli.runWith({ env }, "config", "--url");
  expect(shown.out).not.toContain("s3cret");
  const started = await cli.runWith({ env }, "psql", "--", "-c", "select 1");
  expect(started.out).toBe(`-c\nselect 1\n${shown.out}password=s3cret\n`);
  expect(started.code).toBe(0);
  expect((await cli.runWith({ env: { ...env, CODE: "3" } }, "psql")).code).toBe(3);
  const missing = await cli.runWith({ env: { ...env, PATH: "/nowhere" } }, "psql");
  expect(missing).toMatchObject({ code: 4, err: expect.stringContaining("pdoflow config --url") });
});
