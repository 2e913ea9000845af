import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { parseEntryPoint } from "../../../src/domain/entry-point.ts";
import { bunResolve } from "../../../src/pool/entry/bun-resolve.ts";
import { loadEntryPoint } from "../../../src/pool/entry/load-entry-point.ts";
import { type Answer, answer, type Args } from "../../fixtures/entry/host.ts";
import { makeProject } from "../../fixtures/entry/make-project.ts";

const project = await makeProject();
afterAll(() => project[Symbol.asyncDispose]());

const works: [sentence: string, entryPoint: string, args: Args, value: unknown][] = [
  ["a relative import and an enum", "relative.ts#both", [4], [8, 2, 2]],
  ["TSX", "markup.tsx#title", ["x"], { tag: "h1", props: { lang: "en" }, children: ["x"] }],
  ["JSON and text imports", "data.ts#read", [2], [6, "only text"]],
  ["tsconfig paths and package.json imports", "mapped.ts#both", [4], [8, 2]],
  ["top-level await", "waits.ts#state", [], "ready"],
  ["a re-export by another name", "reexports.ts#again", [2], [4, 1, 2]],
  ["a re-export of everything", "reexports.ts#double", [2], 4],
  ["an async default export", "default.ts#default", [3], 9],
  ["module.exports of an object", "object.cjs#name", [], "object.cjs"],
  ["a property of exports", "property.cjs#triple", [2], 6],
  ["module.exports of a function", "function.cjs#default", [2], 3],
  ["packages that a file imports", "uses-packages.ts#all", [], ["cjs", "esm", "deep"]],
  ["a CommonJS package by name", "cjs-package#kind", [], "cjs"],
  ["an ESM package with exports by name", "esm-package#name", [], "esm"],
  ["a subpath of a package by name", "esm-package/deep#deep", [], "deep"],
  ["a package that is linked from outside", "@scope/linked#f", [], "linked"],
  ["a package in the node_modules above the root", "above#f", [], "above"],
  ["a list of arguments, spread", "arguments.ts#count", [1, [2], null], [3, [1, [2], null]]],
  ["no arguments", "arguments.ts#count", [], [0, []]],
  ["named arguments, as one object", "arguments.ts#count", { a: 1 }, [1, [{ a: 1 }]]],
  ["an inherited static method with its this", "methods.ts#Model.scale", [2], 200],
  ["spaces in folder and file", "with space/a b.ts#here", [], "spaces"],
  ["odd names", "odd ü #1 %20.ts#größe", [], join(project.root, "odd ü #1 %20.ts")],
  ["a hidden file", "./.hidden.ts#f", [], "hidden"],
  ["a link to a file inside the root", "stays-in.ts#double", [1], 2],
];
if (Bun.which("cc") !== null) works.push(["a native addon", "native.ts#answer", [], 42]);

const fails: [sentence: string, entryPoint: string, error: string, ...says: string[]][] = [
  ["a missing file", "relativ.ts#both", "EntryFileNotFound", project.root, `mean "relative.ts"?`],
  ["a wrong extension", "relative.js#both", "EntryFileNotFound", `mean "relative.ts"?`],
  ["a wrong case", "Parts/double.ts#double", "EntryFileNotFound", `mean "parts"?`],
  ["a dangling link", "dangling.ts#f", "EntryFileNotFound"],
  ["a folder", "./parts#f", "EntryFileNotFound"],
  ["a forgotten extension", "parts/double#double", "PackageNotFound", `mean "parts/double.ts"?`],
  ["a missing package", "lodash#map", "PackageNotFound", "no node_modules", project.root],
  ["a path that a package hides", "esm-package/dist#x", "PackageNotFound", "does not export"],
  ["a module of the runtime", "fs#readFileSync", "PackageNotFound", "of the runtime"],
  ["another module of the runtime", "child_process#exec", "PackageNotFound"],
  ["a link out of the root", "leads-out.ts#f", "OutsideRoot", "secret.ts", project.root],
  ["a file in a folder that is linked", "outside/secret.ts#f", "OutsideRoot"],
  ["a package with a link out of it", "leaking#f", "OutsideRoot", "secret.ts"],
  ["..", "../outside/secret.ts#f", "InvalidInput", `".."`],
  [".. in percents", "%2e%2e/outside/secret.ts#f", "EntryFileNotFound"],
  ["/ in percents", "parts%2fdouble.ts#double", "EntryFileNotFound"],
  ["a NUL", "..\0/outside/secret.ts#f", "InvalidInput", "control character"],
  ["a file: URL", "file:///etc/secret.ts#f", "InvalidInput", "URL scheme"],
  ["a data: URL", "data:text/javascript,export{}#f", "InvalidInput", "URL scheme"],
  ["an absolute path", "/etc/secret.ts#f", "InvalidInput", "is absolute"],
  ["an unknown export", "reexports.ts#agian", "ExportNotFound", "again, double", `mean "again"?`],
  ["an unknown member", "methods.ts#counter.form", "ExportNotFound", `mean "from"?`],
  ["a method of an object", "methods.ts#counter.from", "NotAClass", "found an object"],
  ["a function deeper in an object", "methods.ts#counter.inner.add", "InvalidInput", "one dot"],
  ["a method of an instance", "methods.ts#model.scale", "ExportNotFound"],
  ["a method of a list", "methods.ts#list.map", "ExportNotFound"],
  ["a function of a function", "methods.ts#double.twice", "NotAClass", "found a function"],
  ["what a class of the runtime has", "methods.ts#List.from", "ExportNotFound"],
  ["what every function has", "values.ts#fit.call", "ExportNotFound"],
  ["a member of null", "values.ts#nothing.x", "ExportNotFound", "found nothing"],
  ["a number", "values.ts#limit", "NotAFunction", "found a number"],
  ["null", "values.ts#nothing", "NotAFunction", "found null"],
  ["an object", "values.ts#options", "NotAFunction", "found an object"],
  ["a class", "values.ts#Model", "NotAFunction", "found a class"],
  ["a file that throws", "throws.ts#fit", "ImportFailed", "TypeError: no licence found"],
  ["a syntax error", "broken.ts#a", "ImportFailed", join(project.root, "broken.ts:2:18: ")],
  ["syntax errors", "broken-twice.ts#a", "ImportFailed", "broken-twice.ts:3:10: ", "; "],
  ["an import that is broken", "needs-broken.ts#use", "ImportFailed", "broken.ts:2:18: "],
  ["a missing import", "needs-missing.ts#use", "ImportFailed", "'a-package-that-is-missing'"],
];

describe.each([
  ["from source", (calls: [string, Args][]) => callHere(calls)],
  ["in a binary that was started from /", (calls: [string, Args][]) => callInBinary(calls)],
])("an entry point %s", (_where, call) => {
  const calls = [
    ...works.map(([, entryPoint, args]): [string, Args] => [entryPoint, args]),
    ...fails.map(([, entryPoint]): [string, Args] => [entryPoint, []]),
  ];
  let all: Promise<Answer[]> | undefined;
  const answers = () => (all ??= call(calls));

  test.each(works.map((row, at) => [...row, at] as const))("can be: %s", async (...row) => {
    const [, , , value, at] = row;
    expect((await answers())[at]).toEqual({ value });
  });

  test.each(fails.map((row, at) => ({ row, at })))("can't be: $row.0", async ({ row, at }) => {
    const [, , name, ...says] = row;
    const { error } = (await answers())[works.length + at] ?? {};
    expect(error?.name).toBe(name);
    for (const part of says) expect(error?.message).toContain(part);
  });

  test("keeps the stack of the error that its file threw", async () => {
    const at = works.length + fails.findIndex(([, entryPoint]) => entryPoint === "throws.ts#fit");
    expect((await answers())[at]?.error?.stack).toContain(join(project.root, "throws.ts:1:"));
  });
});

test("a module is imported once in a process", async () => {
  const load = () => loadEntryPoint(project.root, parseEntryPoint("waits.ts#state"), bunResolve);
  expect(await load()).toBe(await load());
});

test("the root can be a link", async () => {
  const found = await answer(join(project.top, "root-link"), "relative.ts#both", [4]);
  expect(found).toEqual({ value: [8, 2, 2] });
});

test("a root that does not exist is named", async () => {
  const { error } = await answer(join(project.top, "no-root"), "relative.ts#both", []);
  expect(error?.name).toBe("RootNotFound");
  expect(error?.message).toContain(join(project.top, "no-root"));
});

test("no names are suggested from a folder outside of the root", async () => {
  const { error } = await answer(project.root, "outside/secre.ts#f", []);
  expect(error?.name).toBe("EntryFileNotFound");
  expect(error?.message).not.toContain("secret");
});

test("a file that imports pdoflow gets the binary's copy, not an installed one", async () => {
  const answers = await callInBinary([
    ["uses-pdoflow.ts#versions", []],
    ["requires-pdoflow.cjs#version", []],
    ["uses-pdoflow.ts#ownName", [project.root]],
    ["uses-pdoflow.ts#jobs.from", [1]],
    ["uses-pdoflow.ts#jobs.drop", []],
  ]);
  expect(answers.pop()?.error?.name).toBe("NotAClass");
  expect(answers).toEqual([
    { value: ["embedded", "embedded", "embedded"] },
    { value: "embedded" },
    { value: "uses-pdoflow.ts#fit" },
    { value: 8 }, // of an exported object, but marked
  ]);
});

async function callHere(calls: [string, Args][]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [entryPoint, args] of calls) {
    answers.push(await answer(project.root, entryPoint, args));
  }
  return answers;
}

let binary: Promise<string> | undefined;

async function callInBinary(calls: [string, Args][]): Promise<Answer[]> {
  binary ??= build();
  const child = Bun.spawn([await binary, project.root, JSON.stringify(calls)], {
    cwd: "/",
    stdout: "pipe",
  });
  return (await child.stdout.json()) as Answer[];
}

/** With the switches of build.ts: without them a binary can't import the packages of a project. */
async function build(): Promise<string> {
  const outfile = join(project.top, "host");
  await Bun.build({
    entrypoints: [join(import.meta.dir, "../../fixtures/entry/host.ts")],
    target: "bun",
    format: "esm",
    bytecode: true,
    minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadPackageJson: true,
      autoloadTsconfig: true,
    },
  });
  return outfile;
}
