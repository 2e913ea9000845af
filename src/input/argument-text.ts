import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { decodeArgs, encodeArgs } from "../job/values.ts";
import { findFault, type JsonFault } from "./json-fault.ts";
import { mapOutsideStrings } from "./json-strings.ts";

/** Says where in its file an argument text stands. Asked only when there is something wrong. */
export interface Place {
  /** As in `args.json: element 2`. */
  element(): string;
  /** As in `args.json: element 2, line 4, column 7`; `offset` is from the text's beginning. */
  position(offset: number): string;
  /** What may follow the text, as in "the end of the line". */
  readonly end: string;
}

/** What was read is JSON, and neither a list nor an object. */
export class NotArguments extends PdoflowError {
  override readonly name = "NotArguments";
  readonly exitCode = exitCodes.usage;
  constructor(place: Place, found: string, text: string) {
    const example = text.length <= 40 ? `[${text}]` : '[7, "a"]';
    super(
      `${place.element()} is ${found}; ` +
        `expected a list of arguments, such as ${example}, or an object of keyword arguments. ` +
        "(Lines that are one text each: --each-line.)",
    );
  }
}

/** Text is not JSON. */
export class MalformedJson extends PdoflowError {
  override readonly name = "MalformedJson";
  readonly exitCode = exitCodes.usage;
  constructor(place: Place, { offset, expected, found, hint = "" }: JsonFault) {
    const where = place.position(offset);
    super(`${where}: expected ${expected}, found ${found}. ${hint}`.trimEnd());
  }
}

/** A number that no double can hold: JSON.parse would make it Infinity. */
export class NumberTooLarge extends PdoflowError {
  override readonly name = "NumberTooLarge";
  readonly exitCode = exitCodes.usage;
  constructor(place: Place, offset: number, number: string) {
    const found = number.length <= 40 ? number : `${number.slice(0, 39)}…`;
    super(
      `${place.position(offset)}: expected a number up to ${Number.MAX_VALUE}, found ${found}. ` +
        'Write {"$bigint":"123"}, {"$number":"Infinity"} or a string.',
    );
  }
}

/**
 * Gives `text`, the arguments of one job as they stand in a file, as `encodeArgs` would write
 * them: in all usual cases unchanged, but for white space around it. Takes the literals NaN,
 * Infinity and -Infinity, which Python writes, and tags, such as {"$number":"NaN"}.
 *
 * @throws {NotArguments} for JSON that is neither a list nor an object.
 * @throws {MalformedJson} {NumberTooLarge} with line and column.
 * @throws {InvalidInput} for a tag with the wrong content, and for names that jsonb cannot hold.
 */
export function argumentText(text: string, place: Place): string {
  if (!/^\s*[[{]/.test(text)) throw notArguments(text, place);
  if (isJson(text)) return delicate.test(text) ? careful(text, text, place) : text.trim();
  const json = replaceLiterals(text, (literal) => `{"$number":"${literal}"}`);
  if (isJson(json)) return careful(text, json, place);
  throw malformed(text, place);
}

/** Writes what `replacement` gives for each NaN, Infinity and -Infinity outside of strings. */
export const replaceLiterals = (text: string, replacement: (literal: string) => string): string =>
  mapOutsideStrings(text, (part) => part.replace(/NaN|-?Infinity/g, replacement));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// What jsonb or JSON.parse may refuse or change, and what may be a tag. A false alarm costs time.
// 199 digits with an exponent of two digits are still below 1e308, hence 200 and 3.
const changing = /\\u(?:0000|[dD][89a-fA-F])|[[,:\s]-0(?![.\d]*[1-9])|\d[eE][+-]?\d{3}|\d{200}/;
const delicate = new RegExp(`${changing.source}|"(?:\\$|\\\\u0024)`);

/** `json` is `text` without the literals of Python; places count in `text`. */
function careful(text: string, json: string, place: Place): string {
  refuseTooLarge(text, place);
  try {
    const args = decodeArgs(json);
    return changing.test(json) ? encodeArgs(args) : json.trim();
  } catch (error) {
    if (!(error instanceof PdoflowError)) throw error;
    throw new InvalidInput(place.element(), [error.message]);
  }
}

function refuseTooLarge(text: string, place: Place): void {
  mapOutsideStrings(text, (part, offset) => {
    for (const { 0: number, index } of part.matchAll(/-?\d[\d.eE+-]*/g)) {
      if (!Number.isFinite(Number(number))) throw new NumberTooLarge(place, offset + index, number);
    }
    return part;
  });
}

function notArguments(text: string, place: Place): PdoflowError {
  const found = text.trim();
  if (/^(?:NaN|-?Infinity)$/.test(found)) return new NotArguments(place, found, found);
  if (!isJson(found)) return malformed(text, place);
  const value: unknown = JSON.parse(found);
  const excerpt = found.length <= 40 ? found : `${found.slice(0, 39)}…`;
  const kind = value === null ? "null" : `a ${typeof value} (${excerpt})`;
  return new NotArguments(place, kind, found);
}

/** The fault of a text that JSON.parse has refused. */
function malformed(text: string, place: Place): MalformedJson {
  const unknown = { offset: 0, expected: "JSON", found: "something else" };
  return new MalformedJson(place, findFault(text, place.end) ?? unknown);
}
