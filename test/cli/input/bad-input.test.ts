import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { migrations } from "../../../src/db/admin/migration-list.ts";
import { freshDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../in-process.ts";
import { jobCount } from "../../db/each-job.ts";

const good = "export function fit(n: number) { return n; }\nexport const limit = 3;\n";

/** Nothing may be left of a posting that was refused. */
async function nothingWritten(db: { sql: Awaited<ReturnType<typeof freshDatabase>>["sql"] }) {
  const [row] = await db.sql`
    select (select count(*) from pdoflow.posting)::int as postings,
           ${db.sql.unsafe(jobCount)} as jobs,
           (select count(*) from pdoflow.lane)::int as lanes`;
  expect(row).toEqual({ postings: 0, jobs: 0, lanes: 0 });
}

interface Mistake {
  name: string;
  files?: Record<string, string>;
  prepare?: (cli: Commands) => void;
  args: string[];
  code: number;
  says: RegExp;
}

const mistakes: Mistake[] = [
  ...["pool --once", "run --each 1 -- echo", "post --each 1 -- echo", "execute-job 1/0"].map(
    (words) => ({
      name: `a root that does not exist: ${words}`,
      args: words.replace(/^\S+/, "$& --root nowhere").split(" "),
      code: 4,
      says: /The root \S+\/nowhere could not be opened: expected a folder/,
    }),
  ),
  {
    name: "a root that is a file",
    args: ["pool", "--once", "--root", "fit.ts"],
    code: 4,
    says: /The root \S+\/fit\.ts could not be opened: expected a folder/,
  },
  {
    name: "a file that is no JSON",
    files: { "args.json": "[[1], [2" },
    args: ["post", "fit.ts#fit", "args.json"],
    code: 2,
    says: /args\.json.*(end|cut|truncated|missing)/i,
  },
  {
    name: "a device without content",
    args: ["post", "fit.ts#fit", "/dev/null"],
    code: 2,
    says: /\/dev\/null: expected at least one list of arguments, found none/,
  },
  {
    name: "JSON of the wrong shape, with the index at fault",
    files: { "args.json": "[[1], [2], 7]" },
    args: ["post", "fit.ts#fit", "args.json"],
    code: 2,
    says: /args\.json: element 2: expected a list of arguments.* found a number/,
  },
  {
    name: "an object where the array should be",
    files: { "args.json": '{"n": 1}' },
    args: ["post", "fit.ts#fit", "args.json"],
    code: 2,
    says: /expected one array of argument lists/,
  },
  {
    name: "an empty posting",
    files: { "args.json": "[]" },
    args: ["post", "fit.ts#fit", "args.json"],
    code: 2,
    says: /args\.json: expected at least one list of arguments, found none.*Nothing was posted/,
  },
  {
    name: "a file of arguments that does not exist",
    args: ["post", "fit.ts#fit", "nowhere.json"],
    code: 4,
    says: /there is no file "nowhere\.json"/,
  },
  {
    name: "an unknown export, with a list of the exports",
    files: { "args.json": "[[1]]" },
    args: ["post", "fit.ts#fitt", "args.json"],
    code: 4,
    says: /"fitt".*fit.*Did you mean "fit"/s,
  },
  {
    name: "an export that is no function",
    files: { "args.json": "[[1]]" },
    args: ["post", "fit.ts#limit", "args.json"],
    code: 2,
    says: /expected a function, found a number/,
  },
  {
    name: "a file that the root does not hold",
    files: { "args.json": "[[1]]" },
    args: ["post", "fat.ts#fit", "args.json"],
    code: 4,
    says: /There is no file "fat\.ts" in the root .*Did you mean "fit\.ts"/,
  },
  {
    name: "a root that does not exist",
    files: { "args.json": "[[1]]" },
    args: ["post", "fit.ts#fit", "args.json", "--root", "nowhere"],
    code: 4,
    says: /root .*nowhere could not be opened/,
  },
  {
    name: "a file outside the root, by two dots",
    files: { "args.json": "[[1]]" },
    args: ["post", "../fit.ts#fit", "args.json"],
    code: 2,
    says: /expected a file in the root .*, found .*fit\.ts/,
  },
  {
    name: "a file outside the root, through a symbolic link",
    files: { "args.json": "[[1]]" },
    prepare: ({ folder }) => {
      mkdirSync(join(folder, "inside"));
      symlinkSync(join(folder, "fit.ts"), join(folder, "inside/fit.ts"));
    },
    args: ["post", "fit.ts#fit", "args.json", "--root", "inside"],
    code: 2,
    says: /outside of the root/,
  },
  {
    name: "an entry point without a name",
    files: { "args.json": "[[1]]" },
    args: ["post", "fit.ts", "args.json"],
    code: 4,
    says: /has no default export\. Name one of its exports: fit\.ts#fit\./,
  },
  {
    name: "a module that throws on import, with what it threw",
    files: { "args.json": "[[1]]", "bad.ts": 'throw new Error("no licence");' },
    args: ["post", "bad.ts#fit", "args.json"],
    code: 2,
    says: /could not be imported.*no licence.*Nothing was posted/s,
  },
  {
    name: "a module that ends the process on import",
    files: { "args.json": "[[1]]", "bad.ts": "process.exit(0);" },
    args: ["post", "bad.ts#fit", "args.json"],
    code: 2,
    says: /its import ended the process \(exit code 0\)/,
  },
  {
    name: "a syntax error, with its place",
    files: { "args.json": "[[1]]", "bad.ts": "export function fit( {" },
    args: ["post", "bad.ts#fit", "args.json"],
    code: 2,
    says: /bad\.ts:1:\d+: [^\n]*\w\. Nothing was posted\./,
  },
  {
    name: "a priority that is no number",
    files: { "args.json": "[[1]]" },
    args: ["post", "fit.ts#fit", "args.json", "--priority", "high"],
    code: 2,
    says: /post: --priority: expected a whole number.*, found "high"\n/,
  },
  {
    name: "no workers at all",
    args: ["pool", "--max-workers", "0"],
    code: 2,
    says: /pool: --max-workers: expected a whole number from 1 to 1024, found "0"\n/,
  },
  { name: "an unknown command", args: ["pots"], code: 2, says: /pots/ },
  { name: "an unknown flag", args: ["status", "--jsn"], code: 2, says: /--jsn/ },
  {
    name: "a posting that does not exist",
    args: ["status", "999"],
    code: 4,
    says: /no posting 999/,
  },
];

test.each(mistakes)("$name is reported on stderr and writes nothing", async (mistake) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fit.ts", good);
  for (const [name, text] of Object.entries(mistake.files ?? {})) await cli.write(name, text);
  mistake.prepare?.(cli);
  const { code, out, err } = await cli.run(...mistake.args);
  expect(err).toMatch(mistake.says);
  expect({ code, out }).toEqual({ code: mistake.code, out: "" });
  expect(err).not.toContain("    at "); // no stack trace for a user's mistake
  await nothingWritten(db);
});

test("a fault late in a long file leaves nothing of its beginning", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fit.ts", good);
  await cli.write("args.ndjson", `${"[1]\n".repeat(50_000)}{"n": nonsense}\n`);
  const { code, err } = await cli.run("post", "fit.ts#fit", "args.ndjson");
  expect(code).toBe(2);
  expect(err).toContain("50001");
  await nothingWritten(db);
});

test("a server that is down: exit code 3, and how to go on", async () => {
  using cli = await openCommands(null);
  const env = { PDOFLOW_DATABASE_URL: "postgres://me:secret@127.0.0.1:1/db" };
  const { code, err } = await cli.runWith({ env }, "status");
  expect(code).toBe(3);
  expect(err).toMatch(/cannot use database db at 127\.0\.0\.1:1 as me .*nothing listens there/);
  expect(err).not.toContain("secret");
});

test("a URL that is none: exit code 2, and its text is not repeated", async () => {
  using cli = await openCommands(null);
  const { code, err } = await cli.runWith(
    { env: { DATABASE_URL: "mysql://me:secret@h/db" } },
    "status",
  );
  expect(code).toBe(2);
  expect(err).toContain("DATABASE_URL: expected a URL such as postgres://");
  expect(err).not.toContain("secret");
});

test("a database without the schema: exit code 3, and that migrate makes it", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`drop schema pdoflow cascade`;
  const { code, err } = await cli.run("status");
  expect(code).toBe(3);
  expect(err).toContain('has no schema "pdoflow"');
  expect(err).toContain("Run: pdoflow migrate");
  expect(await cli.run("migrate")).toMatchObject({ code: 0 });
  expect(await cli.run("status")).toMatchObject({ code: 0 });
});

test("a schema newer than the binary: exit code 3, and that this pdoflow is too old", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const newer = migrations.length + 1;
  await db.sql`
    insert into pdoflow.migration (number, name, compatible_since)
    values (${newer}, 'from the future', ${newer})`;
  for (const command of [["status"], ["migrate"], ["pool", "--once"]]) {
    const { code, err } = await cli.run(...command);
    expect(code).toBe(3);
    expect(err).toContain(`supports programs for its version ${newer} or newer`);
    expect(err).toContain("Upgrade pdoflow");
  }
});

test("numbers that no job, pool or limit can have are refused with the expected range", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("id.ts", "export const id = (i: number) => i;");
  expect(await cli.run("explain", "1/9999999999")).toMatchObject({ code: 2 });
  expect(await cli.run("drain", "99999999999999999999")).toMatchObject({ code: 4 });
  const limit = ["--max-failures", "99999999999"];
  const post = await cli.runWith({ input: "[1]" }, "post", "id.ts#id", "-", ...limit);
  expect(post.code).toBe(2);
  expect(post.err).toContain("--max-failures: expected at most 100%, or at most 2147483647 jobs");
});

test("a mark that stands for nothing ends a run before anything is posted", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const run = ["run", "--format", "csv", "-", "--", "echo", "{nme}"];
  const { code, out, err } = await cli.runWith({ input: "name,n\nbob,3\n" }, ...run);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("{nme} has no value in job 1");
  expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
});

test.skipIf(process.platform !== "linux")(
  "--from-glob names a file whose name is not UTF-8",
  async () => {
    using cli = await openCommands(null);
    const name = Buffer.concat([
      Buffer.from(`${cli.folder}/caf`),
      Buffer.of(0xe9),
      Buffer.from(".t"),
    ]);
    writeFileSync(name, "");
    await cli.write("a\uFFFD.x", "");
    const post = ["post", "f.ts#f", "--no-check", "--dry-run", "--from-glob"];
    const { code, err } = await cli.run(...post, "*.t");
    expect(code).toBe(2);
    expect(err).toContain('expected file names in UTF-8, found "caf\\xe9.t". Rename the file');
    expect((await cli.run(...post, "*.x")).out).toBe('f.ts#f("a\uFFFD.x")\n');
  },
);

test("--dry-run shows missing values as null, and says which cell makes a column text", async () => {
  using cli = await openCommands(null);
  await cli.write("missing.csv", "x,y\n1,a\n,b\nNA,c\n");
  const post = ["post", "f.ts#f", "--no-check", "--dry-run"];
  const dry = await cli.run(...post, "missing.csv");
  expect(dry.out).toBe(
    'f.ts#f({"x":1,"y":"a"})\nf.ts#f({"x":null,"y":"b"})\nf.ts#f({"x":null,"y":"c"})\n',
  );
  await cli.write("text.csv", "x;y\n1;a\n2;b\n?;c\n");
  expect((await cli.run(...post, "text.csv")).err).toContain("--separator ';'");
  const text = await cli.run(...post, "text.csv", "--separator", ";");
  expect(text.err).toContain('column "x" is text, because line 4 has "?"');
  const named = await cli.run(...post, "text.csv", "--separator", ";", "--na", "?");
  expect(named.err).not.toContain("is text");
  expect(named.out).toContain('f.ts#f({"x":null,"y":"c"})');
});
