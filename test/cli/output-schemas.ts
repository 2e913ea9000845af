// Writes the shapes of all documents into docs/json.md: bun test/cli/output-schemas.ts
import { join } from "node:path";

import type * as v from "valibot";

import { outputSchemas } from "../../src/cli/output/output-schemas.ts";

export const page = join(import.meta.dir, "../../docs/json.md");
const begin = "<!-- from src/cli/output/output-schemas.ts: bun test/cli/output-schemas.ts -->";

/** The expected text of the page, computed from the present one. */
export function pageWithShapes(text: string): string {
  const shapes = Object.entries(outputSchemas).map(
    ([name, schema]) => `## ${name}\n\n\`\`\`text\n${shapeOf(schema)}\n\`\`\`\n`,
  );
  return `${text.split(begin)[0]}${begin}\n\n${shapes.join("\n")}`;
}

type Schema = v.GenericSchema & {
  entries?: Record<string, Schema>;
  item?: Schema;
  wrapped?: Schema;
  options?: readonly unknown[];
  literal?: unknown;
};

/** A schema as a type of TypeScript. */
function shapeOf(schema: Schema, indent = ""): string {
  switch (schema.type) {
    case "object": {
      const inner = `${indent}  `;
      const fields = Object.entries(schema.entries ?? {}).map(
        ([name, field]) => `${inner}${name}: ${shapeOf(field, inner)};\n`,
      );
      return `{\n${fields.join("")}${indent}}`;
    }
    case "array": {
      const item = schema.item ? shapeOf(schema.item, indent) : "unknown";
      return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
    }
    case "nullable":
      return `${schema.wrapped ? shapeOf(schema.wrapped, indent) : "unknown"} | null`;
    case "literal":
      return JSON.stringify(schema.literal);
    case "picklist":
      return (schema.options ?? []).map((option) => JSON.stringify(option)).join(" | ");
    case "union": // only moments are
      return "string";
    default:
      return schema.type;
  }
}

if (import.meta.main) await Bun.write(page, pageWithShapes(await Bun.file(page).text()));
