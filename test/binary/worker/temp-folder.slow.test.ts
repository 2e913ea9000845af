import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

const code = `
import { writeFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { currentJob } from "pdoflow";
export async function fn(how: string) {
  const { tempFolder } = currentJob()!;
  if (currentJob()!.tempFolder !== tempFolder) throw new Error("it has two");
  const before = readdirSync(tempFolder).length;
  writeFileSync(join(tempFolder, "a"), "x");
  if (how === "throw") throw new Error(tempFolder);
  if (how === "exit") process.exit(3);
  if (how === "hang") await new Promise(() => setInterval(() => {}, 1000));
  return [tempFolder, before];
}
export const none = () => 1;
`;

test("each attempt has an empty temp folder, which is removed however the attempt ends", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fn.ts", code);
  const temp = join(cli.folder, "tmp");
  mkdirSync(temp);
  const env = { TMPDIR: temp };
  const input = '[["a"],["b"],["throw"],["exit"],["hang"]]';
  await cli.runWith(
    { input },
    "post",
    "fn.ts#fn",
    "-",
    "--max-attempts",
    "1",
    "--timeout",
    "1s",
    "--grace",
    "0s",
    "--stop-after",
    "0",
    "--no-check",
  );
  await cli.runWith({ env }, "pool", "--once", "--max-workers", "1");
  const { out } = await cli.run("results", "1/0-1");
  const folders = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).result);
  expect(folders.map(([, before]: [string, number]) => before)).toEqual([0, 0]);
  expect(new Set(folders.map(([folder]: [string]) => folder)).size).toBe(2);
  for (const [folder] of folders) {
    expect(folder).toStartWith(temp);
    expect(existsSync(folder)).toBe(false);
  }
  const failed = await db.sql`select seq from pdoflow.outcome where state = 'failed' order by seq`;
  expect(failed.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  expect(readdirSync(temp).filter((name) => name.startsWith("pdoflow-job-"))).toEqual([]);
});
