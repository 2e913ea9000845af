// The examples of pages that have no test of their own are run, in their order. Pools end there
// once nothing is left, and top prints one frame: `--once` is added to both.
import { expect, test } from "bun:test";
import { dirname, join } from "node:path";

import { binary } from "../../binary.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { postJobs, postManySingles } from "../../db/engine.ts";
import { openCli } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";

const folder = join(import.meta.dir, "../../../docs");
const page = (name: string) => Bun.file(join(folder, name)).text();
/** Runs all blocks of a page that are marked `sh run`, in order. */
const shellOf = async (name: string) =>
  [...(await page(name)).matchAll(/^```sh run\n(.*?)^```$/gms)].map(([, text]) => text).join("");

const once = `pdoflow() {
  case $1 in pool | top) command pdoflow "$@" --once ;; *) command pdoflow "$@" ;; esac
}
`;

/** Runs a script with bash, in a folder with fit.ts and args.json. */
async function runIn(db: TestDatabase, script: string) {
  using cli = await openCli(db);
  await cli.write("fit.ts", "export const fit = (n: number) => n * n;");
  await cli.write("args.json", "[[1],[2],[3]]");
  const env = { ...cli.env, PATH: `${dirname(await binary())}:${cli.env["PATH"] ?? ""}` };
  const run = Bun.$`bash -eo pipefail -c ${once + script}`.cwd(cli.folder).env(env);
  const { exitCode, stdout, stderr } = await run.nothrow().quiet();
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

test("docs/signing.md: a posting that is signed is run by a pool that trusts its key", async () => {
  await using db = await freshDatabase();
  const block = await shellOf("signing.md");
  const { code, err } = await runIn(db, block);
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("3 done, 0 failed") });
  expect(block).toContain("--trust keys.d");
});

test("docs/security.md: the commands grant the documented rights", async () => {
  await using db = await freshDatabase();
  const block = await shellOf("security.md");
  const names = ["ada", "cluster", "desk", "keda"].map(
    (name) => [name, `${name}_${db.name}`] as const,
  );
  let script = block;
  for (const [name, unique] of names) {
    script = script.replaceAll(new RegExp(`--role ${name}\\b`, "g"), `--role ${unique}`);
    await db.sql`create role ${db.sql(unique)}`;
  }
  const { code, out, err } = await runIn(db, script);
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
  for (const [, unique] of names) expect(out).toContain(unique);
  for (const [, unique] of names) {
    await db.sql`drop owned by ${db.sql(unique)}`;
    await db.sql`drop role ${db.sql(unique)}`;
  }
});

const hasPython = Bun.which("python3") !== null;

test.if(hasPython)(
  "docs/programs.md: a Python script runs as a command and a function",
  async () => {
    await using db = await freshDatabase();
    const document = await page("programs.md");
    const fileOf = (language: string) =>
      document.match(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms"))?.[1] ?? "";
    const files = `cat > fit.py <<'END'\n${fileOf("python")}END\ncat > fit.ts <<'END'\n${fileOf("ts")}END\n`;
    const { code, out } = await runIn(db, files + (await shellOf("programs.md")));
    expect(code).toBe(0);
    expect(out.match(/^\{"degree": 2, "residual": 0\.\d+\}$/gm)).toHaveLength(2);
    expect(out).toContain("posting,index,status,error,arg1,degree,residual\r\n");
    expect(out).toContain(",2,2,0.3333333333333333\r\n");
  },
);

test("docs/selectors.md: postings in a state, and postings whose numbers come through a pipe", async () => {
  await using db = await freshDatabase();
  await postManySingles(db.db, 43);
  const block = await shellOf("selectors.md");
  const { code, err } = await runIn(db, block);
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
  const open =
    await db.sql`select id::integer from pdoflow.posting where state = 'open' order by id`;
  expect([...open]).toEqual([{ id: 42 }, { id: 43 }]);
});

test("docs/flows.md: from three commands to a flow file, with the files of the page", async () => {
  await using db = await freshDatabase();
  const files = [...(await page("flows.md")).matchAll(/^```(?:ts|toml) (\S+)\n(.*?)^```$/gms)];
  expect(files.map(([, name]) => name)).toEqual([
    "stages.ts",
    "fields.ts",
    "night.toml",
    "night.ts",
  ]);
  const written = files.map(([, name, text]) => `cat > ${name} <<'END'\n${text}END\n`).join("");
  const { code, out, err } = await runIn(db, written + (await shellOf("flows.md")));
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("combine done: 1 done") });
  expect(err).toContain("posting 2 waits for 1 (stages.ts#frame: 0 % done)\n");
  expect(err).toContain("reduce done: 3 done\nflat done: 2 done\nmeasure done: 3 done\n");
  for (const total of ["night 1: 30", "night of data: 30"]) expect(out).toContain(`"${total}"`);
}, 120_000);

test("docs/notifications.md: a command gets a notification", async () => {
  await using db = await freshDatabase();
  const file = "cat > report.ts <<'END'\nexport const main = () => 1;\nEND\n";
  const { code, out } = await runIn(db, file + (await shellOf("notifications.md")));
  expect({ code, out }).toEqual({ code: 0, out: "1\nnight: done\n" });
});

test("docs/plots.md: a histogram, points, and jobs without an error", async () => {
  await using db = await freshDatabase();
  const { code, out } = await runIn(db, await shellOf("plots.md"));
  expect(code).toBe(0);
  expect(out.match(/plotted 1,000 of 1,000 jobs\n/g)).toHaveLength(2);
  expect(out).toEndWith("plotted 0 of 1,000 jobs; error: 1,000 without a value\n");
});

test("docs/report.md: a page is written about the newest posting", async () => {
  await using db = await freshDatabase();
  const show = "head -c 15 report.html\n";
  const { code, out } = await runIn(db, (await shellOf("report.md")) + show);
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("<!doctype html>") });
});

test("docs/schedules.md: a schedule is added, shown, fired by hand and paused", async () => {
  await using db = await freshDatabase();
  const flow = `name = "night"\n[set]\nquality = "fast"\n[stage.a]\nrun = "report.ts#main"`;
  const files = `echo 'export const main = () => 1;' > report.ts\necho '${flow}' > night.toml\n`;
  const { code, out } = await runIn(db, files + (await shellOf("schedules.md")));
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("Europe/Berlin") });
});

test("docs/metrics.md: the number of pools that jobs keep busy", async () => {
  await using db = await freshDatabase();
  await postManySingles(db.db, 123);
  const { code, out } = await runIn(db, await shellOf("metrics.md"));
  expect({ code, out: out.split("\n", 3) }).toEqual({ code: 0, out: ["123", "8", "31"] });
});

test("docs/top.md: the dashboard starts with the options that it shows", async () => {
  await using db = await freshDatabase();
  await postJobs(db.db, 3);
  const block = await shellOf("top.md");
  const { code, out } = await runIn(db, block);
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("waiting") });
});

test("docs/database.md: a server is named by a URL, by parameters, and by several hosts", async () => {
  using cli = await openCli(null);
  const { PDOFLOW_DATABASE_URL: _, ...env } = cli.env;
  const lines = (await shellOf("database.md")).trim().split("\n");
  const hosts = [];
  for (const line of lines) {
    const script = `${line}\n${await binary()} config --json`;
    const out = await Bun.$`bash -ec ${script}`.cwd(cli.folder).env(env).text();
    const { settings } = documentOf("config", out);
    hosts.push(settings.find(({ name }) => name === "host")?.value);
  }
  expect(hosts).toEqual([...Array<string>(3).fill("db.example.org"), "db1,db2"]);
});

test("docs/five-tasks.md: each of them as the page does it", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  const text = await page("five-tasks.md");
  await cli.write("fit.ts", /^```ts\n(.*?)^```$/ms.exec(text)?.[1] ?? "");
  const tasks = [...text.matchAll(/^\|[^|]*\| \d: `pdoflow ([^`]*)`/gm)].map(
    ([, line = ""]) => line,
  );
  expect(tasks).toHaveLength(5);
  // Only a run may retry its own jobs: the others belong to a separate posting.
  await cli.run("post", "fit.ts#fit", "--each", "1-40", "--max-attempts", "1");
  await cli.run("pool", "--once");
  const told = [];
  for (const line of tasks) {
    const words = line.replace(/\b42\b/, "1").split(" ");
    const { code, out } = await cli.run(...words, ...(words[0] === "pool" ? ["--once"] : []));
    told.push({ line, code, out: out.replaceAll(/\s+/g, " ") });
  }
  expect(told).toMatchObject([
    { code: 1, out: expect.stringContaining("1600") }, // 5 of 40 have failed
    { code: 0, out: expect.stringContaining("no convergence at") },
    { code: 0, out: expect.stringContaining("fitting 35") },
    { code: 0 },
    { code: 1 }, // the five, tried again
  ]);
}, 120_000);
