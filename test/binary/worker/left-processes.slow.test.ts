// No process of a job outlives its worker, however the worker ends.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";

const linux = process.platform === "linux";

/** A number of seconds that no other test sleeps. */
const unique = (): string => String(100_000 + Math.floor(Math.random() * 1e9));

/** How many processes sleep for so long. */
const sleepers = (seconds: string): number =>
  readdirSync("/proc").filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1") === `sleep\0${seconds}\0`;
    } catch {
      return false; // no process, or one that has just ended
    }
  }).length;

const source = `
import { spawn } from "node:child_process";
export async function children(seconds: string, isLong: boolean) {
  Bun.spawn(["sh", "-c", \`sleep \${seconds} & sleep \${seconds}\`]);
  Bun.spawn(["setsid", "sleep", seconds]);
  spawn("sh", ["-c", \`setsid sleep \${seconds} & setsid setsid sleep \${seconds} &\`], { detached: true });
  while (isLong) await new Promise((resolve) => setTimeout(resolve, 1_000));
  const found = () => new Response(Bun.spawn(["sh", "-c", \`ps ax | grep -c "[s]leep \${seconds}"\`]).stdout).text();
  while (Number(await found()) < 5) await Bun.sleep(20);
}`;

test.skipIf(!linux).each([
  ["its pool is killed with -9", [], "kill"],
  ["it runs into its timeout", ["--timeout", "3s", "--max-attempts", "1"], "wait"],
  ["it is cancelled", ["--grace", "100ms"], "cancel"],
  ["it has ended, and its pool too", [], "end"],
])("the processes of a job are gone when %s, even after setsid", async (_when, options, how) => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const seconds = unique();
  await cli.write("children.ts", source);
  const input = JSON.stringify([[seconds, how !== "end"]]);
  await cli.runWith({ input }, "post", "children.ts#children", "-", ...options);
  const pool = cli.start("pool", "--max-workers", "1", "--once");
  if (how !== "end") await until("all to sleep", async () => sleepers(seconds) === 5);
  if (how === "kill") pool.kill("SIGKILL");
  if (how === "cancel") await cli.run("cancel", "1");
  await pool.exited;
  await until("none to sleep", async () => sleepers(seconds) === 0, 20_000);
  const [row] = await db.sql`select state, done from pdoflow.posting`;
  if (how === "end") expect(row).toEqual({ state: "finished", done: 1 });
});
