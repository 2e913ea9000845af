import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { binary } from "../binary.ts";
import { freshDatabase } from "../database.ts";
import { emptyProject, node, packageFile, type Project } from "./project.ts";

const rows = 2_000;
const timeoutMs = 120_000;

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

test("the package has code, types and licences alone, and needs one package", async () => {
  const folder = join(project.folder, "node_modules/pdoflow");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  expect(files).toContain("lib/index.d.ts");
  const plain = /(\.(js|d\.ts|json|md)|^LICENSE|^[^.]+)$/; // the last are folders
  expect(files.filter((name) => !plain.test(name))).toEqual([]);
  const { dependencies, scripts } = await Bun.file(join(folder, "package.json")).json();
  expect(Object.keys(dependencies)).toEqual(["valibot"]);
  const licences = await Bun.file(join(folder, "THIRD_PARTY")).text();
  for (const name of ["postgres", "valibot"]) expect(licences).toContain(`\n${name} `);
  expect(scripts).toBeUndefined();
});

test("a first post loads few files, and no module of Node for encryption", async () => {
  await using database = await freshDatabase();
  await project.write({
    "first.mjs": `
      import { registerHooks } from "node:module";
      const files = new Set();
      const load = (url, context, next) => next(files.add(url) && url, context);
      registerHooks({ load });
      const { close, postWork } = await import("pdoflow");
      await postWork("jobs.mjs#double", [[1]]);
      const slow = process.moduleLoadList.filter((name) => /^NativeModule (tls|crypto)$/.test(name));
      const own = [...files].filter((url) => url.includes("/pdoflow/"));
      console.log(JSON.stringify([own.length, slow]));
      await close();`,
  });
  const env = { PDOFLOW_DATABASE_URL: database.url };
  const [files, slow] = JSON.parse(await project.run([await node("newest"), "first.mjs"], env));
  expect(files).toBeLessThan(12);
  expect(slow).toEqual([]);
}, 120_000);

test.each(["esm.mjs", "cjs.cjs"])(
  "pdoflow/testing runs the jobs that %s posts, in Node 20",
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

test("import and require give the same classes", async () => {
  const both = `
    import { createRequire } from "node:module";
    import * as imported from "pdoflow";
    const required = createRequire(import.meta.url)("pdoflow");
    console.log(Object.keys(imported).every((name) => imported[name] === required[name]));`;
  await project.write({ "both.mjs": both });
  expect(await project.run([await node("20"), "both.mjs"])).toBe("true\n");
});

test("a bundle that esbuild makes as ESM starts, posts, runs jobs and waits", async () => {
  await using database = await freshDatabase();
  const app = `
    import { ClusterPool, close, job, PdoflowError, postWork } from "pdoflow";
    export const own = job((n) => n);
    const posting = await postWork("jobs.mjs#double", [[4], [5]]);
    const pool = new ClusterPool({ concurrency: 2 });
    const { done } = await pool.awaitCompletion(posting);
    await pool.stop();
    const refused = await postWork("jobs.mjs#double", []).catch((error) => error);
    console.log(done, refused instanceof PdoflowError);
    await close();`;
  await project.write({ "app.mjs": app, "jobs.mjs": "export const double = (n) => 2 * n;" });
  const esbuild = await packageFile("esbuild/bin/esbuild");
  const flags = ["--bundle", "--platform=node", "--format=esm", "--outfile=bundle.mjs"];
  await project.run([esbuild, "app.mjs", ...flags]);
  const env = { PDOFLOW_DATABASE_URL: database.url };
  expect(await project.run([await node("20"), "bundle.mjs"], env)).toBe("2 true\n");
});

describe("in a strict TypeScript project, correct code compiles, and wrong code does not", () => {
  const options = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022" };
  test.each([
    ["nodenext", "nodenext", "7"],
    ["nodenext", "nodenext", "6"],
    ["preserve", "bundler", "7"],
  ])("module %s, moduleResolution %s, TypeScript %s", async (module, moduleResolution, version) => {
    const compilerOptions = {
      ...options,
      module,
      moduleResolution,
      types: [],
      lib: ["es2022", "dom"],
    };
    await project.write({
      "typed.mts": await Bun.file(join(import.meta.dir, "../library/post/typed.ts")).text(),
      "typed.cts": `import pdoflow = require("pdoflow"); pdoflow.job(() => 1);`,
      "tsconfig.json": JSON.stringify({ compilerOptions, include: ["typed.*"] }),
    });
    const six = await packageFile("typescript/bin/tsc");
    const tsc = version === "6" ? [await node("newest"), six] : [tscSeven];
    expect(await project.run([...tsc, "--project", "."])).toBe("");
  });
});
