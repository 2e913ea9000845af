import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { argumentText, MalformedJson, type TextPosition } from "./argument-text.ts";
import { findFault } from "./json-fault.ts";
import type { PriorityColumn } from "./priority-column.ts";
import { refuseLonger, type Splitter } from "./splitter.ts";

const notJson = "a table or text, use --format csv, tsv or lines";

/** A JSON file contains more or less than one array. */
export class NotAnArray extends PdoflowError {
  override readonly name = "NotAnArray";
  readonly exitCode = exitCodes.usage;
  constructor(name: string, where: string, text: string) {
    const [line = ""] = text.split("\n", 1);
    const found = line.length > 40 ? `${line.slice(0, 39)}…` : line;
    const expected = "one array of argument lists, such as [[1], [2]]";
    const formats = /^[[{]/.test(text) ? "NDJSON, use --format ndjson" : notJson;
    super(`${name}: expected ${expected}, found ${where}: ${found}. If it is ${formats}.`);
  }
}

/** A JSON file ends inside its array. */
export class TruncatedInput extends PdoflowError {
  override readonly name = "TruncatedInput";
  readonly exitCode = exitCodes.usage;
  constructor(position: string) {
    super(
      `${position}: expected the rest of the array, found the end of the file. ` +
        "The file is truncated, or a bracket or a quote is missing.",
    );
  }
}

const [newline, quote, comma, backslash] = [0x0a, 0x22, 0x2c, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Splits one JSON array into its elements, from pieces of any size. It only finds the commas
 * between elements; `argumentText` checks that an element is JSON.
 */
export class JsonArray implements Splitter, TextPosition {
  readonly end = "a comma or ]";
  readonly #name: string;
  readonly #priority: PriorityColumn | undefined;
  #part: "before" | "inside" | "after" = "before";
  #index = 0;
  /** The text of the current element so far, and whether it ends inside a string or an escape. */
  #buffer = "";
  #depth = 0;
  #inString = false;
  #skip = 0;
  /** Characters and lines before the current piece, and the start of its line. */
  #pieceStart = 0;
  #line = 1;
  #lineStart = 0;
  #elementLine = 1;
  #elementColumn = 1;

  constructor(name: string, priority?: PriorityColumn) {
    this.#name = name;
    this.#priority = priority;
  }

  push(text: string): string[] {
    const texts: string[] = [];
    let at = this.#part === "before" ? this.#open(text) : 0;
    while (this.#part === "inside" && at < text.length) {
      const end = this.#elementEnd(text, at);
      this.#buffer += text.slice(at, end);
      if (end < text.length) this.#close(texts, text.charCodeAt(end));
      at = end + 1;
      if (end < text.length) this.#beginElement(at);
    }
    refuseLonger(this.#buffer, this.element());
    if (this.#part === "after") this.#refuseMore(text.slice(at));
    this.#pieceStart += text.length;
    return texts;
  }

  finish(): string[] {
    if (this.#part !== "inside") return [];
    const fault = findFault(this.#buffer, this.end);
    if (fault !== undefined && fault.offset < this.#buffer.trimEnd().length) {
      throw new MalformedJson(this, fault);
    }
    throw new TruncatedInput(this.position(Math.max(this.#buffer.search(/\S/), 0)));
  }

  element(): string {
    return `${this.#name}: element ${this.#index}`;
  }

  position(offset: number): string {
    const lines = this.#buffer.slice(0, offset).split("\n");
    const line = this.#elementLine + lines.length - 1;
    const column = (lines.length === 1 ? this.#elementColumn : 1) + (lines.at(-1)?.length ?? 0);
    return `${this.element()}, line ${line}, column ${column}`;
  }

  /**
   * The index of the first element in `text`, or its length if only white space was read so far.
   */
  #open(text: string): number {
    const at = text.search(/\S/);
    if (at === -1) {
      this.#countLines(text);
      return text.length;
    }
    if (text.charCodeAt(at) !== openBracket) {
      throw new NotAnArray(this.#name, "at the beginning", text.slice(at));
    }
    this.#countLines(text.slice(0, at));
    this.#part = "inside";
    this.#beginElement(at + 1);
    return at + 1;
  }

  #countLines(text: string): void {
    this.#line += text.split("\n").length - 1;
    const last = text.lastIndexOf("\n");
    if (last !== -1) this.#lineStart = this.#pieceStart + last + 1;
  }

  #beginElement(at: number): void {
    this.#buffer = "";
    this.#elementLine = this.#line;
    this.#elementColumn = this.#pieceStart + at - this.#lineStart + 1;
  }

  /** The index of the comma or bracket that ends the element; the length if it continues. */
  #elementEnd(text: string, from: number): number {
    let [depth, inString, at] = [this.#depth, this.#inString, from + this.#skip];
    for (; at < text.length; at += 1) {
      const char = text.charCodeAt(at);
      if (inString) {
        if (char === quote) inString = false;
        else if (char === backslash) at += 1;
      } else if (char === quote) inString = true;
      else if (char === openBracket || char === openBrace) depth += 1;
      else if (char === closeBracket || char === closeBrace) {
        if (depth === 0) break;
        depth -= 1;
      } else if (char === comma && depth === 0) break;
      else if (char === newline) {
        this.#line += 1;
        this.#lineStart = this.#pieceStart + at + 1;
      }
    }
    this.#skip = Math.max(at - text.length, 0);
    [this.#depth, this.#inString] = [depth, inString];
    return Math.min(at, text.length);
  }

  #close(texts: string[], ender: number): void {
    const text = this.#buffer;
    if (ender === closeBracket) this.#part = "after";
    if (ender === closeBracket && this.#index === 0 && text.trim() === "") return;
    if (text.trim() === "" || ender === closeBrace) {
      const found = `"${String.fromCharCode(ender)}"`;
      const expected = text.trim() === "" ? "a list of arguments" : this.end;
      const hint = ender === closeBrace ? undefined : "Is there a comma too many?";
      throw new MalformedJson(this, { offset: text.length, expected, found, hint });
    }
    const args = argumentText(text, this);
    texts.push(this.#priority ? this.#priority.takeFrom(args, this.element()) : args);
    this.#index += 1;
  }

  #refuseMore(text: string): void {
    const more = text.trim();
    if (more !== "") throw new NotAnArray(this.#name, "after it", more);
  }
}
