import { expect } from "bun:test";

import * as v from "valibot";

import { outputSchemas } from "../../../src/cli/output/output-schemas.ts";

/** The output of a command with --json: one document of its schema, and nothing else. */
export function documentOf<K extends keyof typeof outputSchemas>(
  command: K,
  text: string,
): v.InferOutput<(typeof outputSchemas)[K]> {
  const [only] = documentsOf(command, text);
  if (only === undefined) throw new Error(`expected one document, found "${text}"`);
  return only;
}

/** The same of a stream: a document in each line. */
export function documentsOf<K extends keyof typeof outputSchemas>(
  command: K,
  text: string,
): v.InferOutput<(typeof outputSchemas)[K]>[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    const parsed = v.parse(outputSchemas[command], value);
    expect(value).toEqual(parsed); // no field that docs/json.md lacks
    return parsed;
  });
}
