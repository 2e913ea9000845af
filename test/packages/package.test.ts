import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { binary } from "../binary.ts";
import { freshDatabase } from "../database.ts";
import { emptyProject, node, packageFile, type Project, tarball } from "./project.ts";

/** `PDOFLOW_TEST_ROWS=1000000 bun test test/packages` posts a million. */
const rows = Number(process.env["PDOFLOW_TEST_ROWS"] ?? 2_000);
const timeoutMs = rows < 10_000 ? 120_000 : 1_200_000;

const main = `
const rows = ${rows};
function* args() {
  for (let i = 0; i < rows; i++) yield [i];
}
async function main() {
  const posting = await postWork(double, args());
  const pool = new ClusterPool({ binary: process.env.BINARY, maxWorkers: 2 });
  const { done } = await pool.awaitCompletion(posting);
  await pool.stop();
  let sum = 0;
  for await (const { result } of posting.results()) sum += result;
  console.log(JSON.stringify({ done, sum }));
}`;
const esm = `
import { fileURLToPath } from "node:url";
import { ClusterPool, job, postWork } from "pdoflow";
export const double = job((n) => 2 * n);
${main}
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();`;
const cjs = `
const { ClusterPool, job, postWork } = require("pdoflow");
exports.double = job((n) => 2 * n);
const { double } = exports;
${main}
if (require.main === module) main();`;

const tscSeven = join(import.meta.dir, "../../node_modules/.bin/tsc");

let project: Project;
beforeAll(async () => {
  project = await emptyProject();
  await project.write({ "esm.mjs": esm, "cjs.cjs": cjs });
}, 600_000); // the first of all installs the packages
afterAll(() => project[Symbol.asyncDispose]());

async function expectWorkDone(where: Project, command: string[]): Promise<void> {
  await using database = await freshDatabase();
  const env = { PDOFLOW_DATABASE_URL: database.url, BINARY: await binary() };
  const said = JSON.parse(await where.run(command, env));
  expect(said).toEqual({ done: rows, sum: rows * (rows - 1) });
}

describe("installed in an empty project, it posts, and a compiled pool does the work", () => {
  test.each([
    ["20", "esm.mjs"],
    ["20", "cjs.cjs"],
    ["newest", "esm.mjs"],
    ["newest", "cjs.cjs"],
  ] as const)(
    "in Node %s: %s",
    async (which, script) => await expectWorkDone(project, [await node(which), script]),
    timeoutMs,
  );

  test(
    "in Bun",
    async () => {
      await using own = await emptyProject("bun");
      await own.write({ "esm.mjs": esm });
      await expectWorkDone(own, [process.execPath, "esm.mjs"]);
    },
    timeoutMs,
  );
});

test.each([
  ["as the standard has them", {}],
  ["as experimentalDecorators has them", { experimentalDecorators: true }],
])("a static method is a job by a decorator, %s", async (_name, decorators) => {
  await using database = await freshDatabase();
  const tasks = `
    import { ClusterPool, job, postWork } from "pdoflow";
    export class Tasks {
      @job static double(n: number) { return 2 * n; }
    }
    if (import.meta.filename === process.argv[1]) {
      const posting = await postWork(Tasks.double, [[21]]);
      await using pool = new ClusterPool({ binary: process.env["BINARY"], maxWorkers: 1 });
      await pool.awaitCompletion(posting);
      for await (const { result } of posting.results()) console.log(result);
    }`;
  const { folder } = project;
  const compilerOptions = { target: "es2022", module: "nodenext", outDir: "built", ...decorators };
  await project.write({
    "decorated/tasks.mts": tasks,
    "decorated/tsconfig.json": JSON.stringify({
      compilerOptions: {
        ...compilerOptions,
        types: ["node"],
        typeRoots: [await packageFile("@types")],
      },
      files: ["tasks.mts"],
    }),
  });
  await project.run([tscSeven, "--project", "decorated"]);
  const env = { PDOFLOW_DATABASE_URL: database.url, BINARY: await binary() };
  const script = join(folder, "decorated/built/tasks.mjs");
  expect(await project.run([await node("20"), script], env)).toBe("42\n");
});

test("the package is under 95 kB, is code and types alone, and needs two packages", async () => {
  expect(statSync(await tarball()).size).toBeLessThan(95_000);
  const folder = join(project.folder, "node_modules/pdoflow");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  expect(files).toContain("esm/index.d.ts");
  const plain = /(\.(js|d\.ts|json|cjs|md)|^[^.]+)$/; // and folders and the LICENSE
  expect(files.filter((name) => !plain.test(name))).toEqual([]);
  const scripts = files.filter((name) => name.endsWith(".js"));
  const usesBun = scripts.filter((name) =>
    /\bBun\./.test(readFileSync(join(folder, name), "utf8")),
  );
  expect(usesBun).toEqual([]);
  const { dependencies, scripts: hooks } = await Bun.file(join(folder, "package.json")).json();
  expect(Object.keys(dependencies)).toEqual(["postgres", "valibot"]);
  expect(hooks).toBeUndefined();
  expect(
    readdirSync(join(project.folder, "node_modules"))
      .filter((name) => name[0] !== ".")
      .sort(),
  ).toEqual(["pdoflow", "postgres", "valibot"]);
});

test.each(["esm.mjs", "cjs.cjs"])(
  "pdoflow/testing runs what %s posts, in Node 20",
  async (file) => {
    await using database = await freshDatabase();
    await project.write({
      "tested.mjs": `
      import { createRequire } from "node:module";
      const load = createRequire(import.meta.url);
      const name = ${JSON.stringify(file)};
      const isEsm = name === "esm.mjs";
      const [{ double }, { postWork }, { openTestQueue }] = isEsm
        ? [await import("./esm.mjs"), await import("pdoflow"), await import("pdoflow/testing")]
        : [load("./cjs.cjs"), load("pdoflow"), load("pdoflow/testing")];
      const queue = await openTestQueue();
      const posting = await postWork(double, [[4], [5]]);
      const { done } = await queue.run(posting);
      for await (const { result } of posting.results()) console.log(done, result);
      await queue.close();`,
    });
    const env = { PDOFLOW_DATABASE_URL: database.url };
    expect(await project.run([await node("20"), "tested.mjs"], env)).toBe("2 8\n2 10\n");
    expect(await database.sql`select from pdoflow.posting`).toHaveLength(0);
  },
);

test("every file of both formats loads, whatever is needed of it first", async () => {
  const load = `
    const { readdirSync } = require("node:fs");
    const { join } = require("node:path");
    const folder = "node_modules/pdoflow/";
    (async () => {
      for (const format of ["cjs", "esm"]) {
        const files = readdirSync(folder + format, { recursive: true });
        for (const name of files.filter((name) => name.endsWith(".js"))) {
          const file = join(process.cwd(), folder, format, name);
          const exported = Object.keys(format === "cjs" ? require(file) : await import(file));
          if (exported.length === 0 && !/chunk-/.test(name)) throw new Error(file);
        }
      }
    })();`;
  await project.write({ "load.cjs": load });
  expect(await project.run([await node("20"), "load.cjs"])).toBe("");
});

test("a program that loads both formats has one of each class, and of each connection", async () => {
  const both = `
    import { createRequire } from "node:module";
    import * as esm from "pdoflow";
    const cjs = createRequire(import.meta.url)("pdoflow");
    const names = Object.keys(esm).filter((name) => esm[name] === cjs[name]);
    const said = await cjs.findPosting(0).catch((error) => error instanceof esm.PdoflowError);
    console.log(names.includes("PdoflowError"), names.includes("FatalError"), said);`;
  await project.write({ "both.mjs": both });
  const env = { PDOFLOW_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
  expect(await project.run([await node("20"), "both.mjs"], env)).toBe("true true true\n");
});

test("an error that nobody catches is shown with a line or two of code, not with pages", async () => {
  await using database = await freshDatabase();
  const env = { PDOFLOW_DATABASE_URL: database.url };
  await project.write({
    "uncaught.mjs": `import { findPosting } from "pdoflow"; await findPosting(404);`,
  });
  const said = await project.run([await node("20"), "uncaught.mjs"], env).catch(String);
  expect(said).toContain("PostingNotFound: Expected posting 404 in the database");
  expect(said.length).toBeLessThan(2_000);
});

test("publint and arethetypeswrong find nothing", async () => {
  const file = await tarball();
  const [attw, publint] = [await packageFile(".bin/attw"), await packageFile(".bin/publint")];
  const newest = await node("newest");
  // Node 10 knows no exports: there is only the main entry. It fails for any other problem.
  const checked = await project.run([newest, attw, file, "--profile", "node16"]);
  expect(checked).toContain('"pdoflow/testing"');
  expect(await project.run([newest, publint, "run", file, "--strict"])).toContain("All good!");
}, 60_000);

test("a bundle that takes postWork alone has what posts, and loads it when it does", async () => {
  await project.write({ "app.mjs": `import { postWork } from "pdoflow"; console.log(postWork);` });
  const { outputs } = await Bun.build({
    entrypoints: [join(project.folder, "app.mjs")],
    target: "node",
    splitting: true,
    external: ["postgres", "valibot"],
  });
  const entry = await outputs.find(({ kind }) => kind === "entry-point")?.text();
  expect(entry).toContain("posargs");
  expect(entry).not.toMatch(/from\s*"(valibot|postgres)"|ClusterPool/);
});

describe("in a strict TypeScript project, what must compile does, and what must not does not", () => {
  const options = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022" };
  test.each([
    ["nodenext", "nodenext", "7"],
    ["node16", "node16", "6"],
    ["preserve", "bundler", "7"],
    ["preserve", "bundler", "6"],
  ])("module %s, moduleResolution %s, TypeScript %s", async (module, moduleResolution, version) => {
    const compilerOptions = {
      ...options,
      module,
      moduleResolution,
      types: [],
      lib: ["es2022", "dom"],
    };
    await project.write({
      "typed.mts": await Bun.file(join(import.meta.dir, "../library/typed.ts")).text(),
      "typed.cts": `import pdoflow = require("pdoflow"); pdoflow.job(() => 1);`,
      "tsconfig.json": JSON.stringify({ compilerOptions, include: ["typed.*"] }),
    });
    const six = await packageFile("typescript/bin/tsc");
    const tsc = version === "6" ? [await node("newest"), six] : [tscSeven];
    expect(await project.run([...tsc, "--project", "."])).toBe("");
  });
});
