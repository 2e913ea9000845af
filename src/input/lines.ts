import { argumentText, type TextPosition } from "./argument-text.ts";
import type { PriorityColumn } from "./priority-column.ts";
import { refuseLonger, type Splitter } from "./splitter.ts";
import { quoted } from "./word.ts";

/** One job for each line. */
abstract class LineSplitter implements Splitter {
  readonly #name: string;
  /** The character at the end of each line. */
  readonly #end: string;
  #buffer = "";
  #line = 0;

  constructor(name: string, end = "\n") {
    this.#name = name;
    this.#end = end;
  }

  /** The arguments of the job of a line; null if it has none. */
  protected abstract textOf(line: string): string | null;

  push(text: string): string[] {
    const end = text.lastIndexOf(this.#end);
    // The buffer is a rope; reading it here would copy all of it for each chunk.
    const lines = end === -1 ? [] : (this.#buffer + text.slice(0, end)).split(this.#end);
    this.#buffer = end === -1 ? this.#buffer + text : text.slice(end + 1);
    const texts = this.#take(lines);
    refuseLonger(this.#buffer, `${this.#name}: line ${this.#line + 1}`);
    return texts;
  }

  finish(): string[] {
    return this.#take([this.#buffer]);
  }

  element(): string {
    return `${this.#name}: line ${this.#line}`;
  }

  #take(lines: readonly string[]): string[] {
    const texts: string[] = [];
    for (const line of lines) {
      this.#line += 1;
      const text = this.textOf(line);
      if (text !== null) texts.push(text);
    }
    return texts;
  }
}

/** The text of each line that is not empty is the only argument of a job. */
export class Lines extends LineSplitter {
  protected textOf(raw: string): string | null {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    return line === "" ? null : `[${quoted(line)}]`;
  }
}

/** The same for text between NUL characters, as printed by `find -print0`. */
export class NullTexts extends LineSplitter {
  constructor(name: string) {
    super(name, "\0");
  }

  protected textOf(text: string): string | null {
    return text === "" ? null : `[${quoted(text)}]`;
  }
}

/** NDJSON, one list or object of arguments per line. Empty lines are skipped. */
export class JsonLines extends LineSplitter implements TextPosition {
  readonly end = "the end of the line";
  readonly #priority: PriorityColumn | undefined;

  constructor(name: string, priority?: PriorityColumn) {
    super(name);
    this.#priority = priority;
  }

  position(offset: number): string {
    return `${this.element()}, column ${offset + 1}`;
  }

  protected textOf(line: string): string | null {
    if (!/\S/.test(line)) return null;
    const text = argumentText(line, this);
    return this.#priority ? this.#priority.takeFrom(text, this.element()) : text;
  }
}
