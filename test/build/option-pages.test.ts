import { expect, test } from "bun:test";
import { relative } from "node:path";

import * as v from "valibot";

import { optionPages } from "../../build/option-pages.ts";
import { optionList, PostingOptions, signedOptions } from "../../src/domain/posting-options.ts";

const root = `${import.meta.dir}/../..`;

/** Without the white space by which the formatter aligns the cells of tables. */
const squeezed = (text: string) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");

const pages = await optionPages();

test.each([...pages].map(([path, text]) => [relative(root, path), path, text]))(
  "the options in %s are up to date (else run: npm run docs)",
  async (_, path, text) => {
    expect(squeezed(await Bun.file(path).text())).toBe(squeezed(text));
  },
);

const defaults = v.parse(PostingOptions, {});
const stated = optionList.flatMap(({ name }) => {
  const value = defaults[name];
  const isStated = value !== null && value !== "" && !Array.isArray(value);
  return isStated ? [{ name, value: String(value) }] : [];
});

test.each(stated)("the docstring of $name ends with its default, $value", ({ name, value }) => {
  const row = [...pages.values()]
    .join("")
    .split("\n")
    .find((line) => line.startsWith(`| \`${name}`));
  expect(row?.replaceAll(/[`"]/g, "")).toContain(`(default: ${value})`);
});

test("docs/signing.md shows the signed options in their order, with their defaults", async () => {
  const page = await Bun.file(`${root}/docs/signing.md`).text();
  const [, shown = ""] = /"options":(\{.*?\}),\s+"arguments"/s.exec(page) ?? [];
  const signed = Object.fromEntries(signedOptions.map((name) => [name, defaults[name]]));
  expect(JSON.stringify(JSON.parse(shown))).toBe(JSON.stringify(signed));
});
