import { expect, test } from "bun:test";

import { commands } from "../../../src/cli/commands.ts";
import { helpPage, overviewPage, shortHelpPage } from "../../../src/cli/shell/help.ts";
import { allCommandTexts } from "../../../src/cli/shell/reference.ts";
import { openCommands } from "../in-process.ts";

const texts = await allCommandTexts(commands);
const textOf = (command: string) => texts.filter(({ name }) => name === command);

test.each([[[]], [["--help"]]])("pdoflow %p starts with the first steps", async (args) => {
  using cli = await openCommands(null);
  const { out } = await cli.run(...args);
  const [, first = ""] = /first steps:\n([^]*?)\n\n/.exec(out) ?? [];
  const named = first.split("\n").map((line) => line.match(/pdoflow [a-z]+/g));
  expect(named).toEqual([
    ["pdoflow post", "pdoflow run"],
    ["pdoflow pool"],
    ["pdoflow status", "pdoflow top"],
    ["pdoflow results"],
    ["pdoflow failures", "pdoflow retry"],
  ]);
  expect(out.indexOf("first steps:")).toBeLessThan(out.indexOf("post and run jobs:"));
});

test.each(["post", "run", "pool"])("%s --help has at most 50 lines below topics", (command) => {
  for (const columns of [80, 100]) {
    const [page = ""] = textOf(command).map((text) => shortHelpPage(text, columns));
    expect(page.trimEnd().split("\n").length).toBeLessThanOrEqual(50);
    expect(page).toMatch(/\nrunning:\n[^]*\nlimits:\n/);
    expect(page).toEndWith(`options: pdoflow ${command} --help-all\n`);
  }
});

test.each(["post", "run", "pool"])("%s --help-all has every option below a topic", async (name) => {
  using cli = await openCommands(null);
  const [text] = textOf(name);
  const { code, out } = await cli.run(name, "--help-all");
  expect(code).toBe(0);
  const listed = [...out.matchAll(/^ {2}(?=-)(?:-\w, )?(?:--jobs, )?(--[a-z-]+)/gm)];
  expect(listed.map(([, option = ""]) => option).toSorted()).toEqual(
    (text?.options ?? []).map(({ names }) => names.at(-1) ?? "").toSorted(),
  );
  expect(out).not.toContain("\noptions:\n"); // an option without a topic would be there
});

test("other commands have one help, with all options", async () => {
  using cli = await openCommands(null);
  const { out } = await cli.run("list", "--help");
  expect(out).toContain("--database URL");
  expect(await cli.run("list", "--help-all")).toEqual({ code: 0, out, err: "" });
});

test.each([70, 80, 100])("help fits a terminal of %d columns", (columns) => {
  const pages = [
    overviewPage("", texts, columns),
    ...texts.flatMap((text) => [helpPage(text, columns), shortHelpPage(text, columns)]),
  ];
  // Usages and examples are lines to type, which are not wrapped.
  const parts = pages.map((page) => page.replace(/\nexamples:\n[^]*/, ""));
  const lines = parts
    .flatMap((part) => part.split("\n"))
    .filter((line) => !line.startsWith("usage:"));
  expect(lines.filter((line) => line.length > columns)).toEqual([]);
});
