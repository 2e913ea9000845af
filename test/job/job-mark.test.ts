import { afterAll, describe, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { entryPointOf } from "../../src/job/job-entry-point.ts";
import { job } from "../../src/job/job-mark.ts";

const top = await mkdtemp(join(tmpdir(), "pdoflow marks ü-"));
const root = join(top, "root");
afterAll(() => rm(top, { recursive: true }));
await makeRoot();

const jobs: [sentence: string, key: string, entryPoint: string][] = [
  ["an exported arrow function", "arrow", "jobs.mjs#arrow"],
  ["the export's name, not the function's own", "named", "jobs.mjs#named"],
  ["a function that is exported by another name", "renamed", "jobs.mjs#shown"],
  ["a default export", "byDefault", "jobs.mjs#default"],
  ["a static method", "method", "jobs.mjs#Model.fit"],
  ["a function in an exported object", "member", "jobs.mjs#group.run"],
  ["an exported wrapper of the same name", "wrapped", "jobs.mjs#wrapped"],
  ["a name that was given", "given", "jobs.mjs#fromElsewhere"],
  ["a file that was given", "elsewhere", "with ü (x)/a%20#b.mjs#f"],
  ["a file with an odd name", "odd", "with ü (x)/a%20#b.mjs#odd"],
  ["a job that was marked in a callback of map", "tailed", "jobs.mjs#tailed"],
  ["module.exports", "commonjs", "whole.cjs#fit"],
  ["CommonJS that a compiler wrote", "emitted", "emitted.cjs#fit"],
  ["the default export of CommonJS that a compiler wrote", "emittedDefault", "emitted.cjs#default"],
  ["an error for what is not exported", "secret", "JobNotExported"],
  ["an error for what was not marked", "unmarked", "NotAJob"],
  ["an error for a file outside of the root", "outside", "OutsideRoot"],
  ["an error for a file that does not exist", "gone", "JobFileNotFound"],
];

describe.each([
  ["Node", "node"],
  ["Bun", process.execPath],
])("the entry point of a job, in %s", (_name, runtime) => {
  let all: Promise<unknown> | undefined;
  const found = () => (all ??= run(runtime, "main.mjs"));

  test.each(jobs)("is found: %s", async (_sentence, key, entryPoint) => {
    expect(await found()).toMatchObject({ [key]: entryPoint });
  });

  test("is found by a script that awaits it at its own top level", async () => {
    const names = ["arrow", "long", "declared"].map((name) => `script.mjs#${name}`);
    expect(await run(runtime, "script.mjs")).toEqual([...names, "JobStillLoading"]);
  });
});

test("a TypeScript file that awaits at its own top level finds its jobs", async () => {
  expect(await run(process.execPath, "script.ts")).toEqual(["script.ts#fit", "script.ts#typed"]);
});

test("job releases the function itself, and marks it without an enumerable property", () => {
  const fn = (x: number) => x + 1;
  expect(job(fn)).toBe(fn);
  expect(Object.keys(fn)).toEqual([]);
});

test("job leaves the stack settings of the process as they were", () => {
  const before = [Error.stackTraceLimit, Reflect.get(Error, "prepareStackTrace")];
  job(() => 1);
  expect([Error.stackTraceLimit, Reflect.get(Error, "prepareStackTrace")]).toEqual(before);
});

test("messages say what to do", async () => {
  const plain = function plain() {};
  const here = job(() => 1);
  const messages = await Promise.all([
    messageOf(entryPointOf(plain, root)),
    messageOf(entryPointOf(here, root)),
    messageOf(entryPointOf(here, import.meta.dir)),
    messageOf(entryPointOf(here, join(top, "no-root"))),
  ]);
  expect(messages[0]).toMatch(/"plain".*export const fit = job\(/);
  expect(messages[1]).toMatch(/outside of the root .*choose a root/);
  expect(messages[2]).toMatch(/no export.*job\(fn, \{ name \}\)/);
  expect(messages[3]).toMatch(/root .*no-root/);
});

function messageOf(failing: Promise<unknown>): Promise<string> {
  return failing.then(String, (error: Error) => error.message);
}

/** The fixtures beside a package "pdoflow" that holds these modules, for Node as for Bun. */
async function makeRoot(): Promise<void> {
  await cp(join(import.meta.dir, "../fixtures/entry/marks"), root, { recursive: true });
  const library = join(top, "node_modules/pdoflow");
  const folder = join(import.meta.dir, "../../src/job");
  await Bun.write(
    join(library, "index.ts"),
    `export * from "${folder}/job-mark.ts"; export * from "${folder}/job-entry-point.ts";`,
  );
  for (const format of ["esm", "cjs"] as const) {
    await Bun.build({
      entrypoints: [join(library, "index.ts")],
      target: "node",
      format,
      outdir: library,
      naming: format === "esm" ? "index.mjs" : "index.cjs",
    });
  }
  const exports = { import: "./index.mjs", require: "./index.cjs" };
  await Bun.write(join(library, "package.json"), JSON.stringify({ name: "pdoflow", exports }));
  await Bun.write(
    join(top, "outside.mjs"),
    `import { job } from "pdoflow";\nexport const outside = job(() => 1);\n`,
  );
}

async function run(runtime: string, file: string): Promise<unknown> {
  const child = Bun.spawn([runtime, join(root, file)], {
    cwd: "/",
    stdout: "pipe",
    timeout: 15_000, // ms; what waits for itself would outlive the test
  });
  return await child.stdout.json();
}
