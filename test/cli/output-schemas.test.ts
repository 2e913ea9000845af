import { expect, test } from "bun:test";

import { page, pageWithShapes } from "./output-schemas.ts";

test("docs/json.md describes every field (if not: bun test/cli/output-schemas.ts)", async () => {
  const text = await Bun.file(page).text();
  expect(pageWithShapes(text)).toBe(text);
});
