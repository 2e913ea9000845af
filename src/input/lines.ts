import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { refuseLonger, type Splitter } from "./splitter.ts";
import { quoted, wordText } from "./word.ts";

/** A quote of a shell word is not closed. */
export class UnclosedQuote extends PdoflowError {
  override readonly name = "UnclosedQuote";
  readonly exitCode = exitCodes.usage;
  constructor(place: string, quote: string) {
    super(
      `${place}: expected a second ${quote} on the same line, found its end. ` +
        `Close it, write \\${quote}, or read whole lines with --each-line.`,
    );
  }
}

/** One job for each line that is not empty; `textOf` makes its arguments of it. */
class Lines implements Splitter {
  readonly #name: string;
  readonly #textOf: (line: string, place: string) => string;
  #held = "";
  #line = 0;

  constructor(name: string, textOf: (line: string, place: string) => string) {
    this.#name = name;
    this.#textOf = textOf;
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
      if (line !== "") texts.push(this.#textOf(line, `${this.#name}: line ${this.#line}`));
    }
    return texts;
  }
}

/** Each line is the one argument of a job: a text, whatever it looks like. */
export const eachLine = (name: string): Splitter => new Lines(name, (line) => `[${quoted(line)}]`);

/** The words of each line are the arguments of a job, quoted as for a shell. */
export const eachWord = (name: string): Splitter =>
  new Lines(name, (line, place) => `[${wordTexts(line, place).join(",")}]`);

/** The JSON text of each word of a line. A word that is quoted is text, also where it is `"1"`. */
function wordTexts(line: string, place: string): string[] {
  const texts: string[] = [];
  let word = "";
  let [isOpen, isQuoted] = [false, false];
  const close = () => {
    if (isOpen) texts.push(isQuoted ? quoted(word) : wordText(word));
    [word, isOpen, isQuoted] = ["", false, false];
  };
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (/\s/.test(char)) {
      close();
      continue;
    }
    isOpen = true;
    if (char === "\\") {
      isQuoted = true;
      word += line.charAt((at += 1));
    } else if (char === '"' || char === "'") {
      isQuoted = true;
      const { text, end } = quotedPart(line, at, `${place}, column ${at + 1}`);
      word += text;
      at = end;
    } else word += char;
  }
  close();
  return texts;
}

/** What a quote that opens at `start` holds, and where it closes. */
function quotedPart(line: string, start: number, place: string): { text: string; end: number } {
  const quote = line.charAt(start);
  let text = "";
  for (let at = start + 1; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === quote) return { text, end: at };
    const isEscape = char === "\\" && quote === '"' && /["\\$`]/.test(line.charAt(at + 1));
    text += isEscape ? line.charAt((at += 1)) : char;
  }
  throw new UnclosedQuote(place, quote);
}
