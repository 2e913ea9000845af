import { refuseLonger, type Splitter } from "./splitter.ts";
import { quoted } from "./word.ts";

/** One job for each non-empty line, whose only argument is the text of the line. */
export class Lines implements Splitter {
  readonly #name: string;
  #held = "";
  #line = 0;

  constructor(name: string) {
    this.#name = name;
  }

  push(text: string): string[] {
    const end = text.lastIndexOf("\n");
    const lines = end === -1 ? [] : (this.#held + text.slice(0, end)).split("\n");
    this.#held = end === -1 ? this.#held + text : text.slice(end + 1);
    const texts = this.#take(lines);
    refuseLonger(this.#held, `${this.#name}: line ${this.#line + 1}`);
    return texts;
  }

  finish(): string[] {
    return this.#take([this.#held]);
  }

  #take(lines: readonly string[]): string[] {
    const texts: string[] = [];
    for (const raw of lines) {
      this.#line += 1;
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line !== "") texts.push(`[${quoted(line)}]`);
    }
    return texts;
  }
}
