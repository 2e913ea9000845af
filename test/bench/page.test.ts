import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";

import { pages, readReports } from "../../bench/page.ts";

/** Tables are padded by the formatter. */
const bare = (text: string) => text.replace(/[ -]+/g, " ");

test("docs/performance.md, docs/scale.md, their plots and bench/NOTES.md follow from bench/results", () => {
  for (const [path, text] of Object.entries(pages(readReports()))) {
    expect(bare(readFileSync(path, "utf8"))).toBe(bare(text));
  }
});
