import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { parsePostedEntryPoint } from "../../../src/domain/entry-point.ts";
import { freshDatabase } from "../../database.ts";
import { refusedForms, refusedNames } from "../../fixtures/refused-entry-points.ts";

function isAccepted(text: string): boolean {
  try {
    parsePostedEntryPoint(text);
    return true;
  } catch {
    return false;
  }
}

const part = fc.constantFrom(
  ...["a", "b.ts", "c.mjs", ".", "..", "", "@s", "é", "x y", "#", ":", "\\", "?", "node:fs", ".ts"],
  ...["\n", "\u0085", "\u00a0", "B.TS", "-e", "😀"],
);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const name = fc
  .array(fc.constantFrom("f", "F1", "1", ".", "größe", "$", "_", " ", "-", "@", "`", "{", "\t"), {
    maxLength: 4,
  })
  .map((parts) => parts.join(""));
const anything = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
const texts = fc.oneof(
  fc.tuple(path, name).map(([module, called]) => `${module}#${called}`),
  fc.tuple(anything, name).map(([module, called]) => `${module}#${called}`),
  fc.tuple(path, anything).map(([module, called]) => `${module}#${called}`),
);

test("SQL refuses the entry points that src/domain/entry-point.ts refuses, and no others", async () => {
  await using db = await freshDatabase();
  const long = (length: number) => `${"é".repeat(length - 5)}.ts#f`;
  const given = [
    ...refusedForms,
    ...refusedNames,
    ...["fit.ts#fit", "a/b.tsx#A.b", "@s/p/q#f", "./fit#run", "pdoflow/shell#command"],
    ...[long(2_000), long(2_001)],
    ...fc.sample(texts, { numRuns: 20_000, seed: 1 }),
  ].filter((text) => text.isWellFormed());
  const rows = await db.sql<{ text: string; fault: string | null }[]>`
    select text, pdoflow.entry_point_fault(text) as fault
    from json_array_elements_text(${JSON.stringify(given)}::text::json) as t (text)`;
  expect(rows).toHaveLength(given.length);
  for (const { text, fault } of rows) {
    expect({ text, fault, isAccepted: isAccepted(text) }).toEqual({
      ...{ text, fault, isAccepted: fault === null },
    });
  }
  const accepted = rows.filter(({ fault }) => fault === null).length;
  expect(accepted).toBeGreaterThan(500);
  expect(accepted).toBeLessThan(rows.length - 500);
});

test("posting by SQL reports the fault of an entry point", async () => {
  await using db = await freshDatabase();
  for (const text of refusedForms) {
    const posted = db.sql`select pdoflow.post(${text}, '[[1]]')`;
    expect(await posted.catch((error: Error) => error.message)).toMatch(
      /^expected path\/to\/file\.ts#name or package\/sub#name, found '.*', which ./,
    );
  }
  const begun = db.sql`select pdoflow.begin_posting('jobs//ok.ts#f')`;
  expect(await begun.catch((error: Error) => error.message)).toContain(`leave out "./"`);
});
