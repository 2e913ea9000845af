// Each rule of test/tidy.test.ts bites: on what breaks it, and not on what only looks like it.
import { expect, test } from "bun:test";

import { commandsOf, exitCodeFaults, unknownCommands } from "./documents.ts";
import { deadFiles } from "./imports.ts";
import { errorNameFaults, nameFaults, typeNameFaults } from "./names.ts";
import { proseFaults, proseOf, ratesOf } from "./prose.ts";
import type { Source } from "./source.ts";
import { executeFaults, unsafeFaults } from "./statements.ts";
import { wordFaults } from "./words.ts";

const source = (path: string, text = ""): Source => ({ path, text });
const importing = (path: string, name: string) => source(path, `import { a } from "${name}";\n`);

test("a file that only tests import is dead", () => {
  const sources = [
    importing("src/main.ts", "./pool/used.ts"),
    source("src/pool/used.ts"),
    source("src/pool/unused.ts"),
    source("src/sql.d.ts"),
    importing("test/a.test.ts", "../src/pool/unused.ts"),
  ].filter(({ path }) => !path.startsWith("test/"));
  expect(deadFiles(sources, ["src/main.ts"])).toEqual([
    "src/pool/unused.ts is imported by nothing but tests. Use it, or remove it.",
  ]);
});

test.each(["src/utils.ts", "src/pool/helpers/a.ts", "test/common.ts", "src/job-types.ts"])(
  "%s is no name",
  (path) => expect(nameFaults(path)).toHaveLength(1),
);

test("a type name that two files declare is found", () => {
  const sources = [
    source("src/a.ts", "interface Row {\n}\nexport type Id = number;\n"),
    source("src/b.ts", "export class Row {\n}\n"),
  ];
  expect(typeNameFaults(sources)).toEqual(["Row names several types: src/a.ts:1, src/b.ts:1"]);
});

test("an error that does not spell its name, or another one, is found", () => {
  const error = (name: string) =>
    source("src/a.ts", `export class Gone extends PdoflowError {\n${name}\n}\n`);
  expect(errorNameFaults(error("  readonly exitCode = exitCodes.usage;"))).toHaveLength(1);
  expect(errorNameFaults(error('  override readonly name = "Lost";'))).toHaveLength(1);
  expect(errorNameFaults(error('  override readonly name = "Gone";'))).toEqual([]);
});

test.each([
  ["src/db/a.ts", "await sql.file(name);"],
  ["src/db/a.ts", "transform: postgres.camel,"],
  ["src/domain/a.ts", "const at = new Date();"],
  ["src/a.ts", "f(a as never);"],
])("%s may not say %s", (path, text) => {
  expect(wordFaults(source(path, text))).toHaveLength(1);
});

test.each([
  ["src/domain/a.ts", "new Date(moment);"],
  ["src/cli/a.ts", "const at = new Date();"],
  ["src/a.ts", "// sql.file(name) would read the disk"],
])("%s may say %s", (path, text) => {
  expect(wordFaults(source(path, text))).toEqual([]);
});

const commands = commandsOf([
  source("src/cli/commands/post.ts", 'static override paths = [["post"]];'),
  source("src/cli/commands/list.ts", 'static override paths = [["posting", "list"], ["ls"]];'),
  source("src/cli/version.ts", 'static override paths = [["--version"]];'),
]);

test("commands are read from the classes of src/cli", () => {
  expect(commands).toEqual(["post", "posting list", "ls"]);
});

test("a command that is named and does not exist is found", () => {
  const readme = "# A\nRun `pdoflow ls`, or `npm pdoflow`.\n\n```sh\ndist/pdoflow pots a b\n```\n";
  expect(unknownCommands(source("README.md", readme), commands)).toEqual([
    expect.stringContaining('README.md:5: there is no command "pdoflow pots a b"'),
  ]);
  const message = source("src/a.ts", 'super("no such schema. Run: pdoflow migrate");');
  expect(unknownCommands(message, commands)).toHaveLength(1);
  expect(unknownCommands(source("README.md", "`pdoflow posting list --all`"), commands)).toEqual(
    [],
  );
});

test("exit codes and the table of README.md are the same", () => {
  const table = (...codes: number[]) =>
    [
      "## Exit codes\n\n| code | it means |\n| --- | --- |",
      ...codes.map((code) => `| ${code} | … |`),
      "\n## Else\n\n| 9 | no code |\n",
    ].join("\n");
  expect(exitCodeFaults(table(0, 70), { ok: 0, bug: 70 })).toEqual([]);
  expect(exitCodeFaults(table(0), { ok: 0, bug: 70 })).toEqual([
    expect.stringContaining("README.md lacks exit code 70 (bug)"),
  ]);
  expect(exitCodeFaults(table(0, 3), { ok: 0 })).toHaveLength(1);
});

test("a statement that is put together, without a reason, is found", () => {
  const added = (text: string) =>
    unsafeFaults([source("src/db/a.ts", text)]).filter((fault) => fault.startsWith("src/db/a.ts"));
  expect(added("await session.unsafe(text);")).toHaveLength(1);
  expect(added('await session["unsafe"](text);')).toHaveLength(1);
  expect(added("// unsafe to do otherwise\nawait sql`select 1`;")).toEqual([]);
  const execute = (text: string) => executeFaults(source("sql/engine/a.sql", text));
  expect(execute("  execute 'drop table ' || p_name;")).toHaveLength(1);
  expect(execute("  execute p_text;")).toHaveLength(1);
  expect(execute("  execute format('drop table %I', p_name);\n  -- execute p_text")).toEqual([]);
});

test("a phrase that readers parse twice is found, also across lines of a comment", () => {
  const text = "/** Tried so\n * many times; a cell is told apart, a person is told. */";
  expect(proseFaults({ path: "src/a.ts", text })).toEqual([
    expect.stringContaining('src/a.ts:1: "so many"'),
    expect.stringContaining('src/a.ts:2: "is told"'),
  ]);
});

test("rates count prose alone, for each 1,000 words", () => {
  const { words, rates } = ratesOf(proseOf("Those that `tell` wait.\n\n```sh\nwho tells\n```\n"));
  expect(words).toBe(3);
  expect(rates).toMatchObject({ "those that": 1_000 / 3, "tell/told": 0, "who/whoever": 0 });
});
