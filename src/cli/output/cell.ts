import { decodeValue } from "../../job/values.ts";

/** Whether a value is an object with fields, not a list or a tag such as {"$number":"NaN"}. */
export function isFields(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return !(keys.length === 1 && keys[0]?.startsWith("$"));
}

/**
 * A value of parsed JSON as a cell of a table: numbers (NaN, Infinity and BigInts included), dates
 * and text as plain text, null and undefined as an empty cell, lists and objects as JSON.
 */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value) ?? "";
  if (!Array.isArray(value) && !isFields(value)) {
    const plain = plainText(value);
    if (plain !== null) return plain;
  }
  return JSON.stringify(value);
}

/** The text of a tagged value; null if it has no plain form or is not a valid tag. */
function plainText(tagged: object): string | null {
  const [[tag, content] = []] = Object.entries(tagged);
  switch (tag) {
    case "$number":
    case "$bigint":
    case "$url":
      return typeof content === "string" ? content : null;
    case "$date":
      return content === null ? "" : typeof content === "string" ? content : null;
    case "$undefined":
      return "";
    case "$string":
      return textOf(tagged);
    default:
      return null;
  }
}

function textOf(tagged: object): string | null {
  try {
    const text = decodeValue(JSON.stringify(tagged));
    return typeof text === "string" ? text : null;
  } catch {
    return null; // an invalid tag: shown as JSON
  }
}
