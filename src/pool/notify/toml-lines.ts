import { messageOf } from "../../domain/errors.ts";

/** A TOML document, and the line of each of its keys and tables. */
export interface TomlDocument {
  values: Record<string, unknown>;
  /** The line of a key, such as `["stage", "reduce", "run"]`; of its table if it is unknown. */
  lineOf(path: readonly string[]): number;
}

/** A document is not TOML. */
export interface TomlFault {
  line: number;
  problem: string;
}

/**
 * Reads TOML. Bun's parser reports no positions, so the document is first split into statements: a
 * header of a table, or a key with its value.
 */
export function parseToml(text: string): TomlDocument | TomlFault {
  const statements = statementsOf(text);
  try {
    const values = Bun.TOML.parse(text) as Record<string, unknown>;
    const lines = linesOf(statements);
    const lineOf = (path: readonly string[]): number =>
      lines.get(keyOf(path)) ?? (path.length === 0 ? 1 : lineOf(path.slice(0, -1)));
    return { values, lineOf };
  } catch (error) {
    const problem = messageOf(error).replace(/^TOML Parse error: /, "");
    return { line: faultyLine(text, statements), problem };
  }
}

interface TomlStatement {
  /** From 1. */
  line: number;
  start: number;
  end: number;
  /** The header, or the key; with its brackets. */
  head: string;
}

/** The line of the first statement with which the document cannot be parsed. */
function faultyLine(text: string, statements: readonly TomlStatement[]): number {
  const first = statements.find(({ end }) => !isToml(text.slice(0, end)));
  return first?.line ?? text.split("\n").length;
}

function isToml(text: string): boolean {
  try {
    Bun.TOML.parse(text);
    return true;
  } catch {
    return false;
  }
}

const tableHeader = /^\[\[?((?:"(?:\\.|[^"\\])*"|'[^']*'|[^\]"'])*)\]/;

const keyOf = (path: readonly string[]) => JSON.stringify(path);

function linesOf(statements: readonly TomlStatement[]): Map<string, number> {
  const lines = new Map<string, number>();
  let table: string[] = [];
  for (const { head, line } of statements) {
    const [, header] = tableHeader.exec(head) ?? [];
    const path = header === undefined ? [...table, ...partsOf(head)] : partsOf(header);
    if (header !== undefined) table = path;
    for (let length = 1; length <= path.length; length++) {
      const part = keyOf(path.slice(0, length));
      if (!lines.has(part)) lines.set(part, line);
    }
  }
  return lines;
}

/** The parts of a dotted key, which may be quoted. */
function partsOf(key: string): string[] {
  let value: unknown = Bun.TOML.parse(`${key} = 0`);
  const parts: string[] = [];
  while (typeof value === "object" && value !== null) {
    const [entry] = Object.entries(value);
    if (entry === undefined) break;
    parts.push(entry[0]);
    value = entry[1];
  }
  return parts;
}

const quotes = ['"""', "'''", '"', "'"];

/** Statements end at a line end outside of quotes and brackets. */
function statementsOf(text: string): TomlStatement[] {
  const statements: TomlStatement[] = [];
  let start = 0;
  let depth = 0;
  let headEnd = -1;
  const end = (at: number) => {
    const source = text.slice(start, at);
    const blank = /^(?:\s|#.*(?:\n|$))*/.exec(source)?.[0].length ?? 0;
    const head = text.slice(start + blank, headEnd < 0 ? at : headEnd).trim();
    const line = text.slice(0, start + blank).split("\n").length;
    if (head !== "") statements.push({ line, start, end: at, head: head.split("\n")[0] ?? "" });
    start = at;
    headEnd = -1;
    depth = 0;
  };
  for (let at = 0; at < text.length;) {
    const quote = quotes.find((each) => text.startsWith(each, at));
    const character = text[at] ?? "";
    if (quote !== undefined) at = afterQuote(text, at, quote);
    else if (character === "#") at = endOfLine(text, at);
    else {
      if (character === "=" && headEnd < 0) headEnd = at;
      if (headEnd >= 0 && "[{".includes(character)) depth += 1;
      if (headEnd >= 0 && "]}".includes(character)) depth -= 1;
      at += 1;
      if (character === "\n" && depth <= 0) end(at);
    }
  }
  end(text.length);
  return statements;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** The end of a string; one that is not closed ends with its line. */
function afterQuote(text: string, at: number, quote: string): number {
  const hasEscapes = quote.startsWith('"');
  for (let i = at + quote.length; i < text.length; i++) {
    if (hasEscapes && text[i] === "\\") i += 1;
    else if (text.startsWith(quote, i)) {
      let end = i + quote.length;
      while (quote.length === 3 && text[end] === quote[0] && end < i + 5) end += 1;
      return end;
    } else if (quote.length === 1 && text[i] === "\n") return i;
  }
  return text.length;
}
