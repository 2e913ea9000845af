import { expect, test } from "bun:test";

import { page, pageWithShapes } from "./documents.ts";

test("docs/json.md tells every field (if not: bun test/domain/documents.ts)", async () => {
  const text = await Bun.file(page).text();
  expect(pageWithShapes(text)).toBe(text);
});
