import { decodeValue } from "../../job/values.ts";

/** Whether it is a list or an object that stands for one value, such as {"$number":"NaN"}. */
export function isFields(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return !(keys.length === 1 && keys[0]?.startsWith("$"));
}

/**
 * A value of parsed JSON as programs that read tables expect it: NaN, Infinity, digits and dates as
 * such, text as it is, nothing for null and undefined, and lists and objects as JSON.
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

/** The text of a tagged value; null for one that has no plain form, or is no tag after all. */
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
    return null; // written by hand, and wrong: shown as it is
  }
}
