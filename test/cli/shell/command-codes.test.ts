// The exit codes that all commands share, for every command: with --json, their errors are
// documents.
import { expect, test } from "bun:test";

import { commands } from "../../../src/cli/commands.ts";
import { exitCodes } from "../../../src/domain/errors.ts";
import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { type CommandLine } from "../../binary/cli.ts";
import { documentOf } from "../commands/json.ts";

/**
 * A command line of each command that needs a server, and whether it names something that can be
 * missing.
 */
const lines: readonly (readonly [line: string, names?: true])[] = [
  ["cancel 9", true],
  ["depth"],
  ["doctor"],
  ["drain 9", true],
  ["execute-job 9/0", true],
  ["exporter"],
  ["explain 9/0", true],
  ["failures 9", true],
  ["flow cancel 9", true],
  ["flow list"],
  ["flow retry 9", true],
  ["flow show 9", true],
  ["flow wait 9", true],
  ["grant as poster --role nobody-of-that-name"],
  ["jobs 9", true],
  ["launch sge --fill"],
  ["launch slurm --fill"],
  ["launch ssh node1 --fill --slots 1"],
  ["list"],
  ["logs 9", true],
  ["logs 9 -f", true],
  ["migrate"],
  ["pause 9", true],
  ["pool --once"],
  ["pools"],
  ["post fn.ts#fn --args 1 --no-check"],
  ["post fn.ts#fn gone.json --no-check", true],
  ["priority-stats"],
  ["psql"],
  ["profile 9", true],
  ["prune --older-than 1d"],
  ["report 9", true],
  ["results 9", true],
  ["resume 9", true],
  ["unblock 9", true],
  ["retry 9 --failed", true],
  ["revoke as poster --role nobody-of-that-name"],
  ["run fn.ts#fn --args 1 --no-check"],
  ["schedule list"],
  ["schedule run gone", true],
  ["set-limit 9 --max-running 1", true],
  ["set-posting-status 9 paused", true],
  ["set-priority 9 1", true],
  ["status 9", true],
  ["top --once"],
  ["up"],
  ["usage 9", true],
  ["usage --by poster"],
  ["vars delete gone", true],
  ["vars get gone", true],
  ["vars list"],
  ["vars set a 1"],
  ["wait 9", true],
  ["web --listen 127.0.0.1:0"],
];
/** Commands that need none. */
const alone = ["completions bash", "config", "demo", "down", "keys new", "notify test gone"];

const noServer = { env: { PDOFLOW_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" } };

/** The code of each line with --json, once that of the process and once that in its last error. */
async function codesOf(
  cli: CommandLine,
  options: Parameters<CommandLine["runWith"]>[0],
  all: readonly string[],
) {
  const found: string[] = [];
  for (const line of all) {
    const { code, err } = await cli.runWith(options, ...line.split(" "), "--json");
    const last = err.trimEnd().split("\n").at(-1) ?? "";
    found.push(`${line}: ${code}, ${documentOf("error", last).error.exitCode}`);
  }
  return found;
}

const allWith = (all: readonly string[], code: number) =>
  all.map((line) => `${line}: ${code}, ${code}`);
const withoutFile = (line: string) => !line.includes("gone.json"); // found before the server is

test("every command is here", () => {
  const named = [...lines.map(([line]) => line), ...alone].map((line) => line.split(" ")[0] ?? "");
  expect([...new Set(named)].toSorted()).toEqual(Object.keys(commands).toSorted());
});

test("each command that needs a server ends with 3 if none answers", async () => {
  using cli = await openCommands(null);
  const all = lines.map(([line]) => line).filter(withoutFile);
  expect(await codesOf(cli, noServer, all)).toEqual(allWith(all, exitCodes.database));
}, 120_000);

test("each command that names something ends with 4 if it does not exist", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const all = lines.flatMap(([line, names]) => (names ? [line] : []));
  expect(await codesOf(cli, {}, all)).toEqual(allWith(all, exitCodes.notFound));
}, 120_000);

test("each command ends with 2 for an unknown option, and does nothing", async () => {
  using cli = await openCommands(null);
  const all = [...lines.map(([line]) => line), ...alone].map((line) => `${line} --nonsense`);
  expect(await codesOf(cli, noServer, all)).toEqual(allWith(all, exitCodes.usage));
}, 120_000);
