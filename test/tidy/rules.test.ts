// Each rule of test/tidy.test.ts bites: on what breaks it, and not on what only looks like it.
import { expect, test } from "bun:test";

import { commandsOf, exitCodeFaults, missingCommands, unknownCommands } from "./documents.ts";
import { bunReachedFrom, deadFiles, importFaults, importsOf } from "./imports.ts";
import { errorNameFaults, functionsOf, nameFaults, sizeFaults } from "./shape.ts";
import { type Source, viewsOf } from "./source.ts";
import { executeFaults, unsafeFaults } from "./statements.ts";
import { wordFaults } from "./words.ts";

const source = (path: string, text = ""): Source => ({ path, text });
const importing = (path: string, name: string) => source(path, `import { a } from "${name}";\n`);

test("code, comments and quoted text are told apart", () => {
  const text = 'a("// x", `b${c("}")} {`, /["`]/); // d "e"\n/* f\n*/ g / h;\n';
  const { code, comments } = viewsOf(text);
  expect(code.replace(/ +\n/g, "\n")).toBe('a("    ", `  {c(" ")}  `, /    /);\n\n   g / h;\n');
  expect(comments.replace(/ +/g, " ")).toBe(' // d "e"\n/* f\n*/ \n');
  expect(code.length).toBe(text.length);
});

test("imports are found in each form, and not in text or calls", () => {
  const text = `import "./a.ts";
import type { b } from "./b.ts";
export { c } from './c.ts';
const d = await import("./d.ts");
let e: typeof import("./e.ts");
const no = [Buffer.from("./no.ts"), 'import "./no.ts"']; // from "./no.ts"
`;
  expect(importsOf(text)).toEqual(["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts"]);
});

test.each([
  ["src/domain/x.ts", "../db/connect.ts"],
  ["src/domain/x.ts", "node:fs"],
  ["src/db/x.ts", "../pool/pool.ts"],
  ["src/pool/x.ts", "../cli/post.ts"],
  ["src/pool/x.ts", "../server/server.ts"],
  ["src/server/x.ts", "../../tui/model.ts"],
  ["src/cli/x.ts", "../main.ts"],
  ["src/index.ts", "./pool/pool.ts"],
  ["src/library/x.ts", "../server/server.ts"],
  ["src/library/x.ts", "bun"],
  ["src/db/x.ts", "bun:sqlite"],
  ["src/pool/x.ts", "postgres"],
  ["tui/top.ts", "blessed/lib/widgets/box"],
  ["src/pool/x.ts", "clipanion"],
  ["src/pool/x.ts", "left-pad"],
  ["src/new/x.ts", "./y.ts"],
])("%s may not import %s", (path, name) => {
  expect(importFaults(importing(path, name))).toHaveLength(1);
});

test.each([
  ["src/domain/x.ts", "valibot"],
  ["src/domain/entry-point.ts", "node:path"],
  ["src/db/x.ts", "postgres"],
  ["src/db/migrations.ts", "../../sql/0001_queue.sql"],
  ["src/cli/x.ts", "../../tui/top.ts"],
  ["tui/screen.ts", "blessed/lib/widgets/box"],
  ["src/main.ts", "./cli/run.ts"],
])("%s may import %s", (path, name) => {
  expect(importFaults(importing(path, name))).toEqual([]);
});

test("Bun is found behind the library's door, at any distance", () => {
  const door = importing("src/index.ts", "./library/a.ts");
  const between = importing("src/library/a.ts", "../db/b.ts");
  const reach = (text: string) =>
    bunReachedFrom("src/index.ts", [door, between, source("src/db/b.ts", text)]);
  expect(reach("await Bun.sleep(1);\n")).toHaveLength(1);
  expect(reach('import { Database } from "bun:sqlite";\n')).toHaveLength(1);
  expect(reach("// Unlike Bun.sleep, this runs in Node.\n")).toEqual([]);
});

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

const body = (count: number, indent = "  ") => `${indent}work();\n`.repeat(count);

test("files of 300 lines and lines of 101 columns are too long", () => {
  expect(sizeFaults(source("src/a.ts", "a;\n".repeat(300)))).toHaveLength(1);
  expect(sizeFaults(source("src/a.ts", "a;\n".repeat(299)))).toEqual([]);
  expect(sizeFaults(source("sql/0001_a.sql", "-".repeat(101)))).toHaveLength(1);
  expect(sizeFaults(source("src/a.ts", `const a = "${"é".repeat(87)}";\n`))).toEqual([]);
});

test("in a test, what is inside of quotes may be wider, and code and comments may not", () => {
  const long = "word ".repeat(20);
  const faults = (text: string) => sizeFaults(source("test/a.test.ts", text));
  expect(faults(`test("${long}", () => {\n});\n`)).toEqual([]);
  expect(faults(`const text = \`\n${long}\n\`;\n`)).toEqual([]);
  expect(faults(`// ${long}\n`)).toHaveLength(1);
  expect(faults(`f(${"a, ".repeat(40)}"b");\n`)).toHaveLength(1);
});

test.each([
  ["a function", `function f() {\n${body(58)}}\n`],
  ["one with its parameters below", `async function f(\n  a: A,\n): P<void> {\n${body(56)}}\n`],
  ["one that takes an object apart", `function f({\n  a,\n}: {\n  a: A;\n}) {\n${body(54)}}\n`],
  ["an arrow function", `const f = () => {\n${body(58)}};\n`],
  ["an expression", `const f = (a: A) =>\n${"  a +\n".repeat(58)}  1;\nnext();\n`],
  ["a method", `class A {\n  async f(a: A): P<B> {\n${body(58, "    ")}  }\n}\n`],
  ["one with many parameters", `class A {\n  f(\n    a: A,\n  ): B {\n${body(56, "    ")}  }\n}\n`],
  ["a test", `test("a", async () => {\n${body(58)}});\n`],
])("%s of 60 lines is too long", (_name, text) => {
  expect(functionsOf(text).map(({ lineCount }) => lineCount)).toEqual([60]);
  expect(sizeFaults(source("src/a.ts", text))).toHaveLength(1);
  expect(sizeFaults(source("src/a.ts", text.replace(/^ +(work\(\);|a \+)\n/m, "")))).toEqual([]);
});

test.each([
  ["a table", `const a = new Map(\n  Object.entries({\n${body(70, "    ")}  }),\n);\n`],
  ["a table of tests", `test.each<(a: A) => B>([\n${body(70)}])("a", () => {\n});\n`],
  ["a group of tests", `describe("a", () => {\n${body(70)}});\n`],
  ["text with braces", `const f = () => {\n  g(\`\n}\n\`);\n};\n${body(70, "")}`],
])("%s is no long function", (_name, text) => {
  expect(sizeFaults(source("src/a.ts", text))).toEqual([]);
});

test.each(["src/utils.ts", "src/pool/helpers/a.ts", "test/common.ts", "src/job-types.ts"])(
  "%s is no name",
  (path) => expect(nameFaults(path)).toHaveLength(1),
);

test("an error that does not spell its name, or another one, is found", () => {
  const error = (name: string) =>
    source("src/a.ts", `export class Gone extends PdoflowError {\n${name}\n}\n`);
  expect(errorNameFaults(error("  readonly exitCode = exitCodes.usage;"))).toHaveLength(1);
  expect(errorNameFaults(error('  override readonly name = "Lost";'))).toHaveLength(1);
  expect(errorNameFaults(error('  override readonly name = "Gone";'))).toEqual([]);
});

test.each([
  ["src/db/a.ts", "await sql.file(name);"],
  ["src/db/a.ts", "await sql.unsafe(text);"],
  ["src/db/a.ts", "transform: postgres.camel,"],
  ["src/cli/a.ts", "console.log(row);"],
  ["src/pool/a.ts", "process.exit(1);"],
  ["src/pool/a.ts", "const { HOME } = process.env;"],
  ["tui/a.ts", "Bun.argv.slice(2);"],
  ["src/domain/a.ts", "const at = new Date();"],
  ["src/domain/a.ts", "const at = Date.now();"],
  ["src/domain/a.ts", "const x = Math.random();"],
  ["src/domain/a.ts", "const at = performance.now();"],
  ["src/a.ts", "function f(a: any) {}"],
  ["src/a.ts", "const a = b as any;"],
  ["src/a.ts", "const a: Map<string, A[]> = new Map<any, any>();"],
  ["src/a.ts", "f(a as never);"],
  ["src/a.ts", "export default function f() {}"],
  ["src/a.ts", "a(); // TODO: the other half"],
  ["test/a.test.ts", 'test.skip("a", () => {});'],
  ["test/a.test.ts", 'describe.only("a", () => {});'],
  ["test/a.test.ts", 'test.todo("a");'],
])("%s may not say %s", (path, text) => {
  expect(wordFaults(source(path, text)).length).toBeGreaterThan(0);
});

test.each([
  ["src/db/migrations.ts", "await tx.begin(); await sql.unsafe(text);"],
  ["src/main.ts", "process.exit(run(process.argv, process.env));"],
  ["src/library/a.ts", "find(process.env);"],
  ["test/a.test.ts", "console.log(process.env, new Date(), Math.random());"],
  ["src/domain/a.ts", "new Date(moment);"],
  ["src/a.ts", 'await Promise.any(all); const any = f(any); g("as any", a ? any : b, [any, 1]);'],
  ["src/a.ts", "// Not console.log, nor export default: scripts read what is printed."],
  ["test/a.test.ts", 'test.skipIf(!isRoot)("a", () => {});'],
])("%s may say %s", (path, text) => {
  expect(wordFaults(source(path, text))).toEqual([]);
});

const commands = commandsOf([
  source("src/cli/post.ts", 'static override paths = [["post"]];'),
  source("src/cli/list.ts", 'static override paths = [["posting", "list"], ["ls"]];'),
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

test("a command that README.md does not name is found", () => {
  expect(missingCommands("`pdoflow post` and `pdoflow ls`", commands)).toEqual([
    expect.stringContaining('"pdoflow posting list"'),
  ]);
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
  const execute = (text: string) => executeFaults(source("sql/0001_a.sql", text));
  expect(execute("  execute 'drop table ' || p_name;")).toHaveLength(1);
  expect(execute("  execute p_text;")).toHaveLength(1);
  expect(execute("  execute format('drop table %I', p_name);\n  -- execute p_text")).toEqual([]);
});
