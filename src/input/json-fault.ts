// Finds the position of a JSON syntax error. JavaScriptCore's JSON.parse does not report it, so
// this parses the text again, slowly.

/** `offset` counts UTF-16 units from 0. `hint` is a remedy for a frequent mistake. */
export interface JsonFault {
  readonly offset: number;
  readonly expected: string;
  readonly found: string;
  readonly hint?: string | undefined;
}

/** The expected token, and whether the innermost array or object can end instead. */
interface Expecting {
  readonly takes: "value" | "key" | ":" | "," | "nothing";
  readonly orEnd: boolean;
}

const value: Expecting = { takes: "value", orEnd: false };
const firstItem: Expecting = { takes: "value", orEnd: true };
const key: Expecting = { takes: "key", orEnd: false };
const firstKey: Expecting = { takes: "key", orEnd: true };
const colon: Expecting = { takes: ":", orEnd: false };
const next: Expecting = { takes: ",", orEnd: true };
const nothing: Expecting = { takes: "nothing", orEnd: false };

const space = /[ \t\n\r]*/y;
const scalar =
  /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)(?![\w$.+-])/y;

/**
 * The first syntax error of `text` as one JSON value that may contain NaN and Infinity; undefined
 * if there is none. `end` is what can follow the value, such as "the end of the line".
 */
export function findFault(text: string, end: string): JsonFault | undefined {
  const closers: ("]" | "}")[] = [];
  let expecting = value;
  let at = skip(space, text, 0);
  while (at < text.length || expecting !== nothing) {
    const char = text[at];
    const closer = closers.at(-1);
    if (expecting.orEnd && char === closer) {
      closers.pop();
      expecting = closers.length > 0 ? next : nothing;
      at += 1;
    } else if (char === expecting.takes) {
      expecting = char === "," && closer === "}" ? key : value;
      at += 1;
    } else if (expecting.takes === "value" && (char === "[" || char === "{")) {
      closers.push(char === "[" ? "]" : "}");
      expecting = char === "[" ? firstItem : firstKey;
      at += 1;
    } else {
      const token = readToken(text, at, expecting);
      if (token === undefined) return faultAt(text, at, expecting, closer, end);
      if ("found" in token) return token;
      const afterValue = closers.length > 0 ? next : nothing;
      expecting = expecting.takes === "key" ? colon : afterValue;
      at = token.end;
    }
    at = skip(space, text, at);
  }
  return undefined;
}

/** Reads a string, or a scalar if a value is expected; undefined if there is none at `at`. */
function readToken(text: string, at: number, { takes }: Expecting) {
  if (takes !== "value" && takes !== "key") return undefined;
  if (text[at] === '"') return readString(text, at);
  const end = takes === "value" ? skip(scalar, text, at) : at;
  return end === at ? undefined : { end };
}

function readString(text: string, start: number): JsonFault | { end: number } {
  const expected = 'the rest of a string and "';
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '"') return { end: at + 1 };
    if (char < " ") {
      const hint = 'Inside a string write \\n for a new line, \\t for a tab. Is a " missing?';
      return { offset: at, expected, found: JSON.stringify(char), hint };
    }
    if (char !== "\\") continue;
    const end = skip(/\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y, text, at);
    if (end === at) {
      const hint = "Write two backslashes for one.";
      const found = text.slice(at, at + 2);
      return { offset: at, expected: "a JSON escape such as \\n", found, hint };
    }
    at = end - 1;
  }
  return { offset: text.length, expected, found: "the end of the line" };
}

/** The end of the match of the sticky `pattern` at `at`; `at` if there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function faultAt(
  text: string,
  offset: number,
  expecting: Expecting,
  closer: string | undefined,
  end: string,
): JsonFault {
  const names = {
    value: "a value",
    key: "a key in double quotes",
    ":": "a colon",
    ",": "a comma",
    nothing: end,
  };
  const name = names[expecting.takes];
  const expected = expecting.orEnd && closer !== undefined ? `${name} or ${closer}` : name;
  if (offset >= text.length) {
    // Elements of an array end at a comma or bracket, so this is a line.
    const hint = "If the file is one array over several lines, use --format json.";
    return { offset, expected, found: "the end of the line", hint };
  }
  const word = text.slice(offset, skip(/[\w$.+-]+|[^]/uy, text, offset)).slice(0, 40);
  return { offset, expected, found: quoted(word), hint: hintFor(word, expecting) };
}

function quoted(word: string): string {
  if (word === '"') return "a string";
  if (/^[!-~]+$/.test(word)) return `"${word}"`;
  // A space that is not JSON, such as U+00A0, would be invisible.
  return `U+${word.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
}

function hintFor(word: string, { takes, orEnd }: Expecting): string | undefined {
  if (word === "'") return "Put JSON strings in double quotes.";
  if (/^(True|False|None)$/.test(word)) return "Write the file with Python's json.dumps.";
  if (word === "undefined") return 'Write {"$undefined":true}.';
  if (word === "/" || word === "#") return "JSON has no comments: remove them.";
  if (/^[\]}]$/.test(word) && !orEnd && (takes === "value" || takes === "key")) {
    return "Is there a comma too many before it?";
  }
  return takes === "key" && /^\w/.test(word) ? `Write "${word}".` : undefined;
}
