import { argumentText, type TextPosition } from "./argument-text.ts";
import type { PriorityColumn } from "./priority-column.ts";
import { refuseLonger, type Splitter } from "./splitter.ts";

/** Splits NDJSON, one list or object of arguments per line. Empty lines are skipped. */
export class JsonLines implements Splitter, TextPosition {
  readonly end = "the end of the line";
  readonly #name: string;
  readonly #priority: PriorityColumn | undefined;
  #held = "";
  #line = 0;

  constructor(name: string, priority?: PriorityColumn) {
    this.#name = name;
    this.#priority = priority;
  }

  push(text: string): string[] {
    const end = text.lastIndexOf("\n");
    // The held text is a rope; reading it here would copy all of it for each chunk.
    const lines = end === -1 ? [] : (this.#held + text.slice(0, end)).split("\n");
    this.#held = end === -1 ? this.#held + text : text.slice(end + 1);
    const texts = this.#check(lines);
    refuseLonger(this.#held, `${this.#name}: line ${this.#line + 1}`);
    return texts;
  }

  finish(): string[] {
    return this.#check([this.#held]);
  }

  element(): string {
    return `${this.#name}: line ${this.#line}`;
  }

  position(offset: number): string {
    return `${this.element()}, column ${offset + 1}`;
  }

  #check(lines: readonly string[]): string[] {
    const texts: string[] = [];
    for (const line of lines) {
      this.#line += 1;
      if (!/\S/.test(line)) continue;
      const text = argumentText(line, this);
      texts.push(this.#priority ? this.#priority.takeFrom(text, this.element()) : text);
    }
    return texts;
  }
}
