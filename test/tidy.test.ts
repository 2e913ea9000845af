// Holds the layout and the habits that CONTRIBUTING.md names. Each message says what to do.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { migrations } from "../src/db/migration-list.ts";
import { exitCodes } from "../src/domain/errors.ts";
import { commandsOf, exitCodeFaults, missingCommands, unknownCommands } from "./tidy/documents.ts";
import { bunReachedFrom, deadFiles, filesImportedBy, importFaults } from "./tidy/imports.ts";
import { errorNameFaults, nameFaults, sizeFaults } from "./tidy/shape.ts";
import type { Source } from "./tidy/source.ts";
import { executeFaults, unsafeFaults } from "./tidy/statements.ts";
import { wordFaults } from "./tidy/words.ts";

const root = join(import.meta.dir, "..");
const isForeign = /(^|\/)(node_modules|fixtures)\//;

const read = (path: string): Source => ({ path, text: readFileSync(join(root, path), "utf8") });

/** None where the folder is not there: git knows no empty ones. */
const namesIn = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];

const filesIn = (folder: string, ending: string): Source[] =>
  namesIn(join(root, folder))
    .map((name) => `${folder}/${name}`)
    .filter((path) => path.endsWith(ending) && !isForeign.test(path))
    .sort()
    .map(read);

const product = [...filesIn("src", ".ts"), ...filesIn("tui", ".ts")];
const builds = [read("build.ts"), ...filesIn("build", ".ts")];
const ours = [
  ...product,
  ...builds,
  ...["test", "bench", "examples"].flatMap((folder) => filesIn(folder, ".ts")),
];
const sql = filesIn("sql", ".sql");
const documents = [
  ...["README.md", "CONTRIBUTING.md"].filter((path) => existsSync(join(root, path))).map(read),
  ...filesIn("docs", ".md"),
];
const commands = commandsOf(product);

test("imports follow the arrows, and a package is imported in its own place", () => {
  expect(product.flatMap(importFaults)).toEqual([]);
});

test("every import of a file names one that is there, with its ending", () => {
  const missing = ours.flatMap((source) =>
    filesImportedBy(source)
      .filter((path) => !/\.\w+$/.test(path) || !existsSync(join(root, path)))
      .map((path) => `${source.path} imports ${path}, which is not there. Name it in full.`),
  );
  expect(missing).toEqual([]);
});

test("the library reaches nothing that only Bun has", () => {
  expect(bunReachedFrom("src/index.ts", product)).toEqual([]);
  expect(bunReachedFrom("src/testing.ts", product)).toEqual([]);
});

test("no file lies unused", () => {
  const doors = ["src/main.ts", "src/index.ts", "src/testing.ts"];
  expect(deadFiles([...product, ...builds], doors)).toEqual([]);
});

test("every migration is in the list, in the order of its number", () => {
  const listed = migrations.map(({ name }) => `${name}.sql`);
  expect(listed).toEqual(sql.map(({ path }) => basename(path)));
  expect(listed.map((name) => Number(name.slice(0, 4)))).toEqual(listed.map((_, i) => i + 1));
});

test("files, functions and lines are short", () => {
  expect([...ours, ...sql].flatMap(sizeFaults)).toEqual([]);
});

test("nothing is used that is known to go wrong", () => {
  expect(ours.flatMap(wordFaults)).toEqual([]);
});

test("no statement is put together of input", () => {
  expect(unsafeFaults(product)).toEqual([]);
  expect(sql.flatMap(executeFaults)).toEqual([]);
});

test("every file is named after what it owns", () => {
  expect(ours.flatMap(({ path }) => nameFaults(path))).toEqual([]);
});

test("every error spells its name", () => {
  expect(product.flatMap(errorNameFaults)).toEqual([]);
});

test("README.md has each exit code and each command", () => {
  const readme = documents.find(({ path }) => path === "README.md")?.text ?? "";
  expect(exitCodeFaults(readme, exitCodes)).toEqual([]);
  expect(missingCommands(readme, commands)).toEqual([]);
});

test("every command that a document or a message names exists", () => {
  expect([...documents, ...product].flatMap((each) => unknownCommands(each, commands))).toEqual([]);
});
