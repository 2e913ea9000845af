import { InvalidInput } from "../../domain/errors.ts";
import { splitAuthority } from "./addresses.ts";
import { put, type Settings } from "./parameters.ts";

/**
 * Parses a URL (`postgres://user@host/db?sslmode=require`) or a text of libpq (`host=db.example.org
 * user=me`).
 *
 * @throws {InvalidInput} it is neither. The message does not repeat the text, because it may
 * contain a password.
 */
export function readConninfo(text: string, source: string): Settings {
  const isText = !text.includes("://") && /^\s*[a-z_]+\s*=/.test(text);
  return isText ? readText(text, source) : readUrl(text, source);
}

function readUrl(text: string, source: string): Settings {
  const { hosts, ports, rest } = splitAuthority(text);
  const url = rest !== null && URL.canParse(rest) ? new URL(rest) : null;
  if (!url || !isDecodable(text)) {
    throw new InvalidInput(source, [
      "expected a URL such as postgres://user:password@host:5432/database",
    ]);
  }
  const settings: Settings = new Map();
  const parts = [
    ["host", hosts],
    ["port", ports],
    ["user", url.username],
    ["password", url.password],
    ["dbname", url.pathname.slice(1)],
  ] as const;
  for (const [name, value] of parts) {
    if (value !== "") put(settings, name, decodeURIComponent(value), source);
  }
  // Not searchParams: in libpq a plus sign stands for itself.
  for (const pair of url.search.slice(1).split("&")) {
    const [name = "", ...value] = pair.split("=").map(decodeURIComponent);
    if (pair !== "") put(settings, name, value.join("="), source);
  }
  return settings;
}

/** Whether all percent codes stand for characters. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** `name = value`, quoted if the value has spaces; a backslash makes the next letter plain. */
const quotedOrPlain = String.raw`(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s'\\])*))(?=\s|$)`;
const nameAndValue = new RegExp(String.raw`\s*([a-z_]+)\s*=\s*${quotedOrPlain}\s*`, "sy");

function readText(text: string, source: string): Settings {
  const settings: Settings = new Map();
  nameAndValue.lastIndex = 0;
  let name = "";
  for (let at = 0; at < text.length; at = nameAndValue.lastIndex) {
    const found = nameAndValue.exec(text);
    if (!found) {
      const where = name === "" ? "at its beginning" : `after ${name}`;
      throw new InvalidInput(source, [
        `expected name=value, or name='a value with spaces', found something else ${where}`,
      ]);
    }
    name = found[1] ?? "";
    put(settings, name, (found[2] ?? found[3] ?? "").replace(/\\(.)/gs, "$1"), source);
  }
  return settings;
}

/**
 * The lines `name=value` of a file: all of them, or only the section `[section]`; null if the file
 * lacks that section. Lines that begin with # are comments.
 *
 * @throws {InvalidInput} a line has another form.
 */
export function readLines(text: string, file: string, section: string | null): Settings | null {
  const settings: Settings = new Map();
  let current: string | null = null;
  let isFound = section === null;
  for (const [index, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const heading = /^\[(.*)\]$/.exec(line)?.[1];
    if (heading !== undefined && section !== null) {
      if (isFound) break;
      current = heading;
      isFound = heading === section;
      continue;
    }
    if (current !== section) continue;
    const at = line.indexOf("=");
    if (at < 1) {
      throw new InvalidInput(`${file}:${index + 1}`, ["expected name=value, or # and a comment"]);
    }
    put(settings, line.slice(0, at).trim(), line.slice(at + 1).trim(), `${file}:${index + 1}`);
  }
  return isFound ? settings : null;
}
