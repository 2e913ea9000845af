import { replaceLiterals } from "./argument-text.ts";

/**
 * `json`: one array of argument lists. `ndjson`: one argument list on each line. `csv`, `tsv`: a
 * table. `lines`: each line is the one argument. `words`: the words of each line are the arguments.
 */
export const formats = ["json", "ndjson", "csv", "tsv", "lines", "words"] as const;
export type Format = (typeof formats)[number];

/** The format that the name of a file tells, if it does. */
export function formatOfName(path: string): Format | undefined {
  const name = path.replace(/\.gz$/i, "");
  if (/\.(ndjson|jsonl)$/i.test(name)) return "ndjson";
  if (/\.csv$/i.test(name)) return "csv";
  if (/\.(tsv|tab)$/i.test(name)) return "tsv";
  return /\.json$/i.test(name) ? "json" : undefined;
}

const lineMax = 1024 * 1024;

/**
 * The format of text that begins with `head`, or undefined if it takes more of it to tell: of the
 * whole text it always does. A whole JSON value on the first line and more after it is NDJSON. A
 * single line is JSON if it is an array of nothing but lists and objects, else one job of NDJSON.
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
    return undefined; // not JSON on its own: the beginning of a longer text, or a fault
  }
}
