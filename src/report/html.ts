import { controlPicture } from "../domain/control-picture.ts";

/** Text that is HTML or SVG already: only {@link html} makes it. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template can contain. Text is escaped, null is nothing. */
export type Content = Html | string | number | null | readonly Content[];

/**
 * Makes HTML or SVG from a template: all values are escaped, unless they are HTML themselves. A
 * value stands between tags or within quotes, never in a tag or in a script.
 */
export const html = (parts: TemplateStringsArray, ...values: readonly Content[]): Html =>
  new Html(
    parts
      // The indentation of templates means nothing on a page, and would be a third of it.
      .map((part) => part.replace(/\n\s+/g, "\n"))
      .map((part, i) => (i === 0 ? part : textOf(values[i - 1] ?? null) + part))
      .join(""),
  );

function textOf(value: Content): string {
  if (value === null) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? escapeHtml(value) : value.map(textOf).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Makes text from untrusted sources, such as the name of a posting, safe for HTML and SVG, between
 * tags and within quotes. Control characters become visible symbols, as on terminals
 * (escape-control.ts), and characters that turn the direction of text around are removed.
 */
export const escapeHtml = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\P{Cc}\n\t]/gu, controlPicture)
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"']/g, (found) => entities[found] ?? "");
