import { test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";

test("workers die with their pool, also inside a busy loop", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "spin.ts",
    `export function spin() { require("node:fs").writeFileSync("pid", String(process.pid)); for (;;); }`,
  );
  await cli.runWith({ input: "[[]]" }, "post", "spin.ts#spin", "-");
  const pool = cli.start("pool", "--max-workers", "1");
  const pidFile = join(cli.folder, "pid");
  const pid = await until(
    "the job to start", // and to have written: the file is there before
    async () => (existsSync(pidFile) && readFileSync(pidFile, "utf8")) || null,
  );
  pool.kill("SIGKILL");
  await pool.exited;
  await until("the worker to be gone", async () => {
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || / Z /.test(readFileSync(stat, "utf8"));
  });
});
