// Checks the conventions of CONTRIBUTING.md that the linter (.oxlintrc.json) has no rules for.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { migrations } from "../src/db/admin/migration-list.ts";
import { exitCodes } from "../src/domain/errors.ts";
import {
  commandsOf,
  exitCodeFaults,
  misplacedNames,
  unknownCommands,
  unknownPaths,
} from "./tidy/documents.ts";
import { pythonNames } from "../src/cli/shell/dispatch.ts";
import packageJson from "../package.json" with { type: "json" };
import { deadFiles } from "./tidy/imports.ts";
import { errorNameFaults, nameFaults, typeNameFaults } from "./tidy/names.ts";
import { proseFaults } from "./tidy/prose.ts";
import type { Source } from "./tidy/source.ts";
import { executeFaults, unsafeFaults } from "./tidy/statements.ts";
import { wordFaults } from "./tidy/words.ts";

const root = join(import.meta.dir, "..");
const isForeign = /(^|\/)(node_modules|fixtures)\//;

const read = (path: string): Source => ({ path, text: readFileSync(join(root, path), "utf8") });

/** None if the folder is not there: git knows no empty ones. */
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
  ...["docs", "bench", "examples"].flatMap((folder) => filesIn(folder, ".md")),
];
const commands = [...commandsOf(product), ...pythonNames.keys()];

test("no file lies unused", () => {
  const doors = ["src/main.ts", "src/index.ts", "src/testing.ts"];
  expect(deadFiles([...product, ...builds], doors)).toEqual([]);
});

test("every SQL file is part of the migrations, which are in the order of their numbers", () => {
  const all = migrations.map((migration) => migration.sql).join("\n");
  expect(sql.filter(({ text }) => all.split(text).length !== 2).map(({ path }) => path)).toEqual(
    [],
  );
  const numbers = migrations.map(({ name }) => Number(name.slice(0, 4)));
  expect(numbers).toEqual(migrations.map((_, i) => i + 1));
});

test("SQL functions have up to 80 lines and up to 8 parameters", () => {
  const functions = sql.flatMap(({ text }) =>
    [...text.matchAll(/^create function pdoflow\.(\w+)\(([^$]*?)\)\s+(?:returns|language)/gm)].map(
      ([head, name, parameters = ""]) => {
        const [body = ""] = text.slice(text.indexOf(head) + 1).split(/\$\$;|\ncreate function/);
        const inputs = parameters.split(/,(?![^(]*\))/).filter((p) => !/^\s*(out\b|$)/.test(p));
        return {
          name,
          lines: body.split("\n").length,
          inputs: inputs.length,
        };
      },
    ),
  );
  expect(functions.length).toBeGreaterThan(120);
  expect(functions.filter(({ lines, inputs }) => lines > 80 || inputs > 8)).toEqual([]);
});

test("no line is wider than 100 columns", () => {
  const wide = [...product, ...builds, ...sql].flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) => (Bun.stringWidth(line) > 100 ? `${path}:${index + 1}` : [])),
  );
  expect(wide).toEqual([]);
});

test("there are no dependencies but these four: a new one needs a reason", () => {
  const names = ["blessed", "clipanion", "postgres", "valibot"];
  expect(Object.keys(packageJson.dependencies)).toEqual(names);
});

test("nothing is used that is known to go wrong", () => {
  expect([...product, ...builds].flatMap(wordFaults)).toEqual([]);
});

test("no statement is put together of input", () => {
  expect(unsafeFaults(product)).toEqual([]);
  expect(sql.flatMap(executeFaults)).toEqual([]);
});

test("sql reads the same in every encoding, and with standard_conforming_strings off", () => {
  const faults = sql.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, i) => {
      const isPlain = !line.includes("\\") || /\be'/i.test(line);
      return isPlain && /^[\x20-\x7e]*$/.test(line) ? [] : [`${path}:${i + 1}: ${line}`];
    }),
  );
  expect(faults).toEqual([]);
});

test("every file is named after its contents", () => {
  expect(ours.flatMap(({ path }) => nameFaults(path))).toEqual([]);
});

test("every error spells its name", () => {
  expect(product.flatMap(errorNameFaults)).toEqual([]);
});

test("the name of a type is used once", () => {
  expect(typeNameFaults(product)).toEqual([]);
});

test("README.md has each exit code", () => {
  const readme = documents.find(({ path }) => path === "README.md")?.text ?? "";
  expect(exitCodeFaults(readme, exitCodes)).toEqual([]);
});

const guides = documents.filter(({ path }) => /^(docs\/architecture|CONTRIBUTING)\.md$/.test(path));

test("names that the documents for developers place in a file are in that file", () => {
  const textOf = (file: string) => [...ours, ...sql].find(({ path }) => path === file)?.text;
  expect(guides.flatMap((guide) => misplacedNames(guide, textOf))).toEqual([]);
  const wrong = { path: "a.md", text: "`look` and `claim` in `sql/engine/claim.sql`" };
  expect(misplacedNames(wrong, textOf)).toEqual(["a.md:1: look is not in sql/engine/claim.sql"]);
});

test("every file that the documents for developers name exists", () => {
  const paths = ["sql", "src", "tui", "test", "build", "bench", "docs"]
    .flatMap((folder) => namesIn(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => !/(^|\/)node_modules\//.test(path))
    .concat("build.ts");
  expect(guides.flatMap((guide) => unknownPaths(guide, paths))).toEqual([]);
});

test("documents wrap at 100 columns, except for tables and code", () => {
  const isGenerated = /^docs\/cli\.md$/;
  const wide = documents
    .filter(({ path }) => !isGenerated.test(path))
    .flatMap(({ path, text }) =>
      text
        .replaceAll(/^ *```[^]*?^ *```$|^ *(\||- \d{4}-).*$/gm, (block) =>
          block.replaceAll(/./g, ""),
        )
        .split("\n")
        .flatMap((line, i) => (Bun.stringWidth(line) > 100 ? `${path}:${i + 1}` : [])),
    );
  expect(wide).toEqual([]);
});

test("no document, message or comment has a phrase that readers parse twice", () => {
  const own = /^test\/tidy\/(prose|rules\.test)\.ts$/; // the list itself
  const texts = [...documents, ...ours, ...sql].filter(({ path }) => !own.test(path));
  expect(texts.flatMap(proseFaults)).toEqual([]);
});

test("every command that a document or a message names exists", () => {
  expect([...documents, ...product].flatMap((each) => unknownCommands(each, commands))).toEqual([]);
});
