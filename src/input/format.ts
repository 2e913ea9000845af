import { replaceLiterals } from "./argument-text.ts";

/**
 * `json`: one array of argument lists. `ndjson`: an argument list per line. `csv`, `tsv`: a table.
 * `lines`: each line is the only argument. `null`: each text that ends with a NUL character is.
 */
export const formats = ["json", "ndjson", "csv", "tsv", "lines", "null"] as const;
export type Format = (typeof formats)[number];

/** The format of a file by its extension, if that is known. */
export function formatOfName(path: string): Format | undefined {
  const name = path.replace(/\.gz$/i, "");
  if (/\.(ndjson|jsonl)$/i.test(name)) return "ndjson";
  if (/\.csv$/i.test(name)) return "csv";
  if (/\.(tsv|tab)$/i.test(name)) return "tsv";
  return /\.json$/i.test(name) ? "json" : undefined;
}

const lineMax = 1024 * 1024;

/**
 * The format of a text that begins with `head`; undefined if more text is needed, which is never
 * the case if `head` is the whole text. A complete JSON value on the first line, followed by more
 * text, means NDJSON. A single line is JSON if it is an array of lists and objects, else NDJSON.
 */
export function sniffFormat(head: string, isWhole: boolean): Format | undefined {
  const [, line = "", more = ""] = /^\s*([^\n]*)(?:\s*(\S))?/.exec(head) ?? [];
  if (more === "" && !isWhole) return head.length > lineMax ? "json" : undefined;
  const value = line.length > lineMax ? undefined : parse(line);
  if (value === undefined) return "json";
  if (more !== "") return "ndjson";
  const isList = (item: unknown) => typeof item === "object" && item !== null;
  return Array.isArray(value) && value.every(isList) ? "json" : "ndjson";
}

function parse(line: string): unknown {
  try {
    return JSON.parse(replaceLiterals(line, () => "null"));
  } catch {
    return undefined; // the beginning of a longer text, or not JSON
  }
}
