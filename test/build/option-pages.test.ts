import { expect, test } from "bun:test";
import { relative } from "node:path";

import { optionPages } from "../../build/option-pages.ts";

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
