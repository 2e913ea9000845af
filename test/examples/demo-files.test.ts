import { expect, test } from "bun:test";
import { chmodSync, symlinkSync } from "node:fs";
import { relative } from "node:path";

import { listFiles } from "../../src/cli/demo/demo-files.ts";
import { makeTree } from "./tree.ts";
import { withoutRights } from "./without-rights.ts";

async function names(folder: string, most: number): Promise<string[]> {
  return (await Array.fromAsync(listFiles(folder, most))).map((path) => relative(folder, path));
}

test("files come depth first, sorted by name as bytes", async () => {
  using tree = makeTree({ b: "", "a/z": "", "a/B": "", "a/b/c": "", B: "" });
  expect(await names(tree.folder, 10)).toEqual(["B", "a/B", "a/b/c", "a/z", "b"]);
});

test("no more files are given than were asked for", async () => {
  using tree = makeTree({ a: "", "b/c": "", "b/d": "", e: "" });
  expect(await names(tree.folder, 2)).toEqual(["a", "b/c"]);
  expect(await names(tree.folder, 0)).toEqual([]);
});

test("links are not followed, and hidden files and folders are passed over", async () => {
  using tree = makeTree({ a: "", ".git/config": "", "b/.hidden": "" });
  symlinkSync(tree.folder, tree.at("loop"));
  symlinkSync("a", tree.at("link"));
  expect(await names(tree.folder, 10)).toEqual(["a"]);
});

test("a missing folder is refused with a remedy", async () => {
  using tree = makeTree({ file: "" });
  const list = (path: string) => Array.fromAsync(listFiles(tree.at(path), 1)).catch(String);
  expect(await list("gone")).toMatch(/expected a readable folder.*ENOENT.*Choose another folder/);
  expect(await list("file")).toMatch(/expected a readable folder.*ENOTDIR.*Choose another folder/);
});

test("a folder further down that can't be read is given in place of its files", () => {
  using tree = makeTree({ "a/file": "", "b/file": "" });
  chmodSync(tree.folder, 0o755);
  chmodSync(tree.at("a"), 0);
  const call = `Array.fromAsync(listFiles(${JSON.stringify(tree.folder)}, 10))`;
  const paths = withoutRights("../../src/cli/demo/demo-files.ts", "listFiles", call);
  chmodSync(tree.at("a"), 0o755);
  expect(JSON.parse(paths)).toEqual([tree.at("a"), tree.at("b/file")]);
});
