const headChars = 32_768;
const tailChars = 32_768;

/** The log of a job; of a long log, the beginning and the end. */
export class JobLog {
  #head = "";
  #tail = "";
  #cut = 0;

  add(line: string): void {
    const room = headChars - this.#head.length;
    if (this.#tail === "" && line.length <= room) {
      this.#head += line;
      return;
    }
    this.#tail += line;
    if (this.#tail.length <= 2 * tailChars) return;
    this.#cut += this.#tail.length - tailChars;
    this.#tail = this.#tail.slice(-tailChars);
  }

  /** Without NUL, which the database does not accept; null if the log is empty. */
  get text(): string | null {
    const text =
      this.#cut > 0 ? `${this.#head}… ${this.#cut} characters …\n${this.#tail}` : this.#all;
    return text === "" ? null : text.replaceAll("\0", "\u2400").toWellFormed();
  }

  get #all(): string {
    return this.#head + this.#tail;
  }
}
