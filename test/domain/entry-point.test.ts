import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import {
  type EntryPoint,
  formatEntryPoint,
  isFileModule,
  packageName,
  parseEntryPoint,
  pathInside,
} from "../../src/domain/entry-point.ts";
import { didYouMean, similarNames } from "../../src/domain/similar.ts";
import { InvalidInput } from "../../src/domain/errors.ts";

test.each([
  ["fit.ts#run", "fit.ts", "run"],
  ["jobs/inside/fit.ts#run", "jobs/inside/fit.ts", "run"],
  ["fit.ts#default", "fit.ts", "default"],
  ["fit.ts#Model.fit", "fit.ts", "Model.fit"],
  ["fit.ts#größe", "fit.ts", "größe"],
  ["fit.ts#$_1", "fit.ts", "$_1"],
  ["./fit.ts#run", "fit.ts", "run"],
  [".//a/./b//fit.ts#run", "a/b/fit.ts", "run"],
  ["./fit#run", "./fit", "run"],
  ["././fit#run", "./fit", "run"],
  ["a b/ü #1.ts#run", "a b/ü #1.ts", "run"],
  [".hidden/fit.ts#run", ".hidden/fit.ts", "run"],
  ["..fit.ts#run", "..fit.ts", "run"],
  ["pkg#run", "pkg", "run"],
  ["pkg/sub/deeper#run", "pkg/sub/deeper", "run"],
  ["@scope/pkg#run", "@scope/pkg", "run"],
  ["@scope/pkg/./sub#run", "@scope/pkg/sub", "run"],
])("%s is an entry point", (text, module, name) => {
  expect(parseEntryPoint(text)).toEqual({ module, export: name });
});

test.each([
  ["", `has no "#"`],
  ["fit.ts", `has no "#"`],
  ["fit.ts#", `has no name after "#"`],
  ["#run", "names no file"],
  [".#run", "names no file"],
  ["fit.ts#1st", "no export can have"],
  ["fit.ts#a-b", "no export can have"],
  ["fit.ts#a..b", "no export can have"],
  ["fit.ts#a.1", "no export can have"],
  ["fit.ts#a.", "no export can have"],
  ["fit.ts#.a", "no export can have"],
  ["fit.ts#a.b.c", "more than one dot"],
  ["fit.ts#ru\u0085n", "no export can have"],
  [`${"a".repeat(2_000)}.ts#run`, "more than 2000 characters"],
  ["fit.ts#run()", "no export can have"],
  ["fit.ts# run", "no export can have"],
  ["/srv/fit.ts#run", "is absolute"],
  ["//srv/fit.ts#run", "is absolute"],
  ["../fit.ts#run", `".."`],
  ["a/../fit.ts#run", `".."`],
  ["./../fit.ts#run", `".."`],
  ["pkg/../../fit#run", `".."`],
  ["file:///srv/fit.ts#run", "URL scheme"],
  ["data:text/javascript,export{}#run", "URL scheme"],
  ["./node:fit.ts#run", "URL scheme"],
  ["node:fs#readFileSync", "URL scheme"],
  ["bun:ffi#dlopen", "URL scheme"],
  ["https://example.org/fit.ts#run", "URL scheme"],
  ["C:/fit.ts#run", "drive"],
  ["a\\fit.ts#run", `"\\"`],
  ["fit\0.ts#run", "control character"],
  ["fit\n.ts#run", "control character"],
  ["fit\ud800.ts#run", "half a character"],
  ["fit.ts?v=1#run", `"?"`],
  ["@scope#run", "is neither"],
  ["#internal#run", "is neither"],
])("%j is not an entry point", (text, fault) => {
  expect(() => parseEntryPoint(text)).toThrow(InvalidInput);
  expect(() => parseEntryPoint(text)).toThrow(fault);
  expect(() => parseEntryPoint(text)).toThrow("expected path/to/file.ts#name");
});

test("an entry point is written in one way, which reads back as the same", () => {
  const part = fc.constantFrom("a", "b.ts", ".", "..", "", "@s", "é", "x y", "#", ":", "\\");
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  const any = fc.oneof(path, fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(any, fc.constantFrom("f", "default", "A.b"), (module, name) => {
      const once = readOrRefuse(`${module}#${name}`);
      if (once === undefined) return;
      const segments = once.module.split("/");
      expect(segments).not.toContain("..");
      expect(segments).not.toContain("");
      expect(parseEntryPoint(formatEntryPoint(once))).toEqual(once);
    }),
  );
});

function readOrRefuse(text: string): EntryPoint | undefined {
  try {
    return parseEntryPoint(text);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInput);
    return undefined;
  }
}

test("a module is a file by its extension or a leading ./, and a package otherwise", () => {
  for (const extension of ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"]) {
    expect(isFileModule(`a.${extension}`)).toBe(true);
  }
  for (const file of ["./a", "./a.py", "a/b.ts"]) expect(isFileModule(file)).toBe(true);
  for (const name of ["a", "a/ts", "@a/b", "a.json"]) expect(isFileModule(name)).toBe(false);
});

test("a package's name is its first segment, or two with a scope", () => {
  expect(packageName("pkg/sub/deeper")).toBe("pkg");
  expect(packageName("@scope/pkg/sub")).toBe("@scope/pkg");
});

describe("a path", () => {
  test.each([
    ["/a", "/a/b/c.ts", "b/c.ts"],
    ["/", "/c.ts", "c.ts"],
    ["/a", "/a/..c.ts", "..c.ts"],
  ])("in %s: %s is inside", (folder, file, path) => {
    expect(pathInside(folder, file)).toBe(path);
  });

  test.each([
    ["/a", "/ab/c.ts"],
    ["/a/b", "/a/c.ts"],
    ["/a/b", "/a"],
  ])("in %s: %s is outside", (folder, file) => {
    expect(pathInside(folder, file)).toBeUndefined();
  });
});

test("similar names have few edits, whatever their case, or one more extension", () => {
  const names = ["train.ts", "fit.ts", "fti.ts", "FIT.ts", "predict.ts"];
  expect(similarNames("fit.ts", names)).toEqual(["fit.ts", "FIT.ts", "fti.ts"]);
  expect(similarNames("predict", names)).toEqual(["predict.ts"]);
  expect(similarNames("x", ["a", "b"])).toEqual([]);
  expect(didYouMean(["a", "b"])).toBe(` Did you mean "a" or "b"?`);
  expect(didYouMean([])).toBe("");
});
