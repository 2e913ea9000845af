import { expect, test } from "bun:test";

import { commands } from "../../../src/cli/commands.ts";
import { allCommandTexts } from "../../../src/cli/shell/reference.ts";
import { documentOf } from "../commands/json.ts";
import { openCommands } from "../in-process.ts";

test.each([
  [["pots"], 'there is no command "pots". Did you mean "post" or '],
  [["stauts", "42"], 'there is no command "stauts". Did you mean "status"?'],
  [["--json", "status"], "Put options after the command"],
  [["status", "--jsn"], 'there is no option --jsn. Did you mean "--json"?'],
  [["post", "a.ts#b", "--priorty", "1"], 'no option --priorty. Did you mean "--priority"'],
  [["explain"], "an argument is missing: expected <"],
  [["list", "-"], 'unexpected argument "-".'],
  [["explain", "1/1", "2/2"], 'unexpected argument "2/2".'],
  [["post", "a.ts#b", "--priority"], "begins with - as --priority=-1"],
  [["squeue"], 'there is no command "squeue". Did you mean "list"?'],
  [["sbatch", "a.sh"], 'there is no command "sbatch". Did you mean "post"?'],
  [["run", "-P2", "gzip"], 'there is no option -P2. Did you mean "-j"?'],
  [["run", "-J2", "gzip"], 'there is no option -J2. Did you mean "-j"?'],
  [["run", "-n1", "gzip"], "there is no option -n1.\n"],
  [["run", "--eta", "gzip"], 'there is no option --eta. Did you mean "--progress"?'],
  [["post", "-each", "1-3", "a.ts#b"], 'there is no option -each. Did you mean "--each"?'],
  [["status", "--array", "1"], "there is no option --array.\n"],
  [["psql", "-c", "select 1"], "there is no option -c. For psql, write -- before it.\n"],
])("pdoflow %p is refused with the usage of that command alone", async (args, expected) => {
  using cli = await openCommands(null);
  const { code, out, err } = await cli.run(...args);
  const said = args[0] === "--json" ? documentOf("error", err).error.message : err;
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(said).toContain(expected);
  const usages = said.match(/^usage: .*/gm) ?? [];
  const known = expected.includes("command");
  expect(usages.length).toBe(known ? 0 : 1);
  if (!known) expect(usages[0]).toStartWith(`usage: pdoflow ${args[0]} [options]`);
});

test.each([
  [[], "expected sge, slurm or ssh after it, found nothing."],
  [["--fill"], "expected sge, slurm or ssh after it, found the option --fill."],
  [["slrm"], 'there is no "launch slrm". Did you mean "slurm"?'],
])("pdoflow launch %p names the words that can follow", async (args, expected) => {
  using cli = await openCommands(null);
  const { code, out, err } = await cli.run("launch", ...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toStartWith(`pdoflow launch: ${expected}\nusage: pdoflow launch sge `);
});

test("help is asked for in each of three ways, on stdout, with exit code 0", async () => {
  using cli = await openCommands(null);
  const pages = [
    await cli.run("status", "--help"),
    await cli.run("status", "-h"),
    await cli.run("help", "status"),
  ];
  const out = pages[0]?.out ?? "";
  for (const page of pages) expect(page).toEqual({ code: 0, out, err: "" });
  expect(out).toContain("usage: pdoflow status");
  const overviews = [await cli.run(), await cli.run("--help"), await cli.run("help")];
  for (const page of overviews) expect(page.out).toMatch(/see what happens:\n[^]*  status /);
});

test("the overview lists each command once", async () => {
  using cli = await openCommands(null);
  const { out } = await cli.run("--help");
  const list = out.slice(out.indexOf("post and run jobs:"));
  const listed = [...list.matchAll(/^ {2}(\S+(?: [a-z]+)?)(?= {2})/gm)].map(
    ([, name = ""]) => name,
  );
  const texts = await allCommandTexts(commands);
  expect(listed.toSorted()).toEqual(texts.map(({ name }) => name).toSorted());
});

test.each(["--version", "-V", "version"])("%s names the version and the commit", async (word) => {
  using cli = await openCommands(null);
  const { code, out } = await cli.run(word);
  expect({ code, out }).toEqual({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+ \(.*\)\n$/),
  });
});

test("a wrong option is reported by its name, wherever it is", async () => {
  using cli = await openCommands(null);
  const said = async (...args: string[]) => {
    const { code, err } = await cli.run("post", "fit.ts#fit", "--args", "1", ...args);
    expect(code).toBe(2);
    return err.split("\n")[0];
  };
  expect(await said("--max-rate", "5")).toStartWith(
    "pdoflow post: --max-rate: expected a rate such as",
  );
  expect(await said("--max-failures", "200%")).toContain("--max-failures: expected at most 100%");
  expect(await said("--timeout", "-5s")).toContain(
    "--timeout needs a value. Write a value that begins",
  );
  expect(await said("--args")).toContain("--args needs a value. To post a job without arguments");
  expect(await said("--args", "--dry-run")).toContain("--args needs a value. To post a job");
  expect(await said("--json", "--color")).toContain("--color needs a value");
});

test.each(["jobs", "logs", "results"])("%s --state lists the states of jobs", async (command) => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run(command, "1", "--state", "bogus");
  expect({ code, err }).toEqual({
    code: 2,
    err:
      `pdoflow ${command}: --state: expected waiting, running, retrying, done, failed or ` +
      'cancelled, found "bogus"\n',
  });
});

test("an unknown option is reported even if words follow it", async () => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run("post", "fit.ts#fit", "args.json", "--sing", "my.key");
  expect(code).toBe(2);
  expect(err).toStartWith('pdoflow post: there is no option --sing. Did you mean "--sign"');
});
