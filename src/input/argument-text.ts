import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { decodeArgs, encodeArgs } from "../job/values.ts";
import { findFault, type JsonFault } from "./json-fault.ts";

/** The position of an argument text in its file, for error messages. */
export interface TextPosition {
  /** As in `args.json: element 2`. */
  element(): string;
  /** As in `args.json: element 2, line 4, column 7`; `offset` is from the text's beginning. */
  position(offset: number): string;
  /** What can follow the text, such as "the end of the line". */
  readonly end: string;
}

/** The text is JSON, but neither a list nor an object. */
export class NotArguments extends PdoflowError {
  override readonly name = "NotArguments";
  readonly exitCode = exitCodes.usage;
  constructor(location: TextPosition, found: string, text: string) {
    const example = text.length <= 40 ? `[${text}]` : '[7, "a"]';
    super(
      `${location.element()}: expected a list of arguments, such as ${example}, or an object of ` +
        `keyword arguments, found ${found}. To pass each line as text, use --each-line.`,
    );
  }
}

/** The text is not JSON. */
export class MalformedJson extends PdoflowError {
  override readonly name = "MalformedJson";
  readonly exitCode = exitCodes.usage;
  constructor(location: TextPosition, { offset, expected, found, hint = "" }: JsonFault) {
    const where = location.position(offset);
    super(`${where}: expected ${expected}, found ${found}. ${hint}`.trimEnd());
  }
}

/** A number is too large for a double; JSON.parse would turn it into Infinity. */
export class NumberTooLarge extends PdoflowError {
  override readonly name = "NumberTooLarge";
  readonly exitCode = exitCodes.usage;
  constructor(location: TextPosition, offset: number, number: string) {
    const found = number.length <= 40 ? number : `${number.slice(0, 39)}…`;
    super(
      `${location.position(offset)}: expected a number up to ${Number.MAX_VALUE}, ` +
        `found ${found}. ` +
        'Write {"$bigint":"123"}, {"$number":"Infinity"} or a string.',
    );
  }
}

/**
 * Converts the arguments of one job in a file to the form of `encodeArgs`, on one line; usually
 * only white space is removed. Accepts NaN, Infinity and -Infinity, as written by Python, and tags
 * such as {"$number":"NaN"}.
 *
 * @throws {NotArguments} if the JSON is neither a list nor an object.
 * @throws {MalformedJson} {NumberTooLarge} with line and column.
 * @throws {InvalidInput} if a tag has invalid content, or a name cannot be stored in jsonb.
 */
export function argumentText(text: string, location: TextPosition): string {
  if (!/^\s*[[{]/.test(text)) throw notArguments(text, location);
  if (isJson(text)) return delicate.test(text) ? careful(text, text, location) : onOneLine(text);
  const json = replaceLiterals(text, (literal) => `{"$number":"${literal}"}`);
  if (isJson(json)) return careful(text, json, location);
  throw malformed(text, location);
}

/** JSON without the white space around it and without line feeds: strings contain none. */
const onOneLine = (json: string): string =>
  json.includes("\n") ? json.trim().replace(/\s*\n\s*/g, " ") : json.trim();

/** Replaces NaN, Infinity and -Infinity outside of strings. */
export const replaceLiterals = (text: string, replacement: (literal: string) => string): string =>
  mapOutsideStrings(text, (part) => part.replace(/NaN|-?Infinity/g, replacement));

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// Text that jsonb or JSON.parse could reject or change, or that could be a tag. False positives
// only cost time. 199 digits with a two-digit exponent are below 1e308, hence 200 and 3.
const changing = /\\u(?:0000|[dD][89a-fA-F])|[[,:\s]-0(?![.\d]*[1-9])|\d[eE][+-]?\d{3}|\d{200}/;
const delicate = new RegExp(`${changing.source}|"(?:\\$|\\\\u0024)`);

/** `json` is `text` without Python literals; positions refer to `text`. */
function careful(text: string, json: string, location: TextPosition): string {
  refuseTooLarge(text, location);
  try {
    const args = decodeArgs(json);
    return changing.test(json) ? encodeArgs(args) : onOneLine(json);
  } catch (error) {
    if (!(error instanceof PdoflowError)) throw error;
    throw new InvalidInput(location.element(), [error.message]);
  }
}

function refuseTooLarge(text: string, location: TextPosition): void {
  mapOutsideStrings(text, (part, offset) => {
    for (const { 0: number, index } of part.matchAll(/-?\d[\d.eE+-]*/g)) {
      if (!Number.isFinite(Number(number)))
        throw new NumberTooLarge(location, offset + index, number);
    }
    return part;
  });
}

function notArguments(text: string, location: TextPosition): PdoflowError {
  const found = text.trim();
  if (/^(?:NaN|-?Infinity)$/.test(found)) return new NotArguments(location, found, found);
  if (!isJson(found)) return malformed(text, location);
  const value: unknown = JSON.parse(found);
  const excerpt = found.length <= 40 ? found : `${found.slice(0, 39)}…`;
  const kind = value === null ? "null" : `a ${typeof value} (${excerpt})`;
  return new NotArguments(location, kind, found);
}

/** The error for a text that JSON.parse has rejected. */
function malformed(text: string, location: TextPosition): MalformedJson {
  const unknown = { offset: 0, expected: "JSON", found: "something else" };
  return new MalformedJson(location, findFault(text, location.end) ?? unknown);
}

/**
 * Maps the parts of JSON text outside of its strings and keys; `offset` is the start of the part. A
 * single regular expression that skips strings would take JavaScriptCore seconds for a million
 * escapes, and fails on longer strings.
 */
function mapOutsideStrings(text: string, map: (part: string, offset: number) => string): string {
  let result = "";
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const start = quote === -1 ? text.length : quote;
    const end = stringEnd(text, start);
    result += map(text.slice(at, start), at) + text.slice(start, end);
    at = end;
  }
  return result;
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char === "\\") at += 1;
  }
  return text.length;
}
