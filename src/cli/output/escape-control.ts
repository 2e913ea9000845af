import { paintCodes } from "./color.ts";

/** Control characters, but for the ends of lines, tabs, and our own colours. */
const controls = new RegExp(String.raw`\u001b\[(?:${paintCodes})m|[^\P{Cc}\n\t]`, "gu");

/**
 * Text for a person in which others have a say, such as the error of a job: a terminal shows it,
 * and obeys nothing in it but our own colours.
 */
export const visible = (text: string): string =>
  text.replace(controls, (found) => (found.length > 1 ? found : pictureOf(found)));

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  if (code === 0x7f) return "\u2421";
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
}

/** JSON text, or lines of it, that says the same without the control characters that JSON has. */
export const escaped = (json: string): string =>
  json.replace(/[^\P{Cc}\n]/gu, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);

export const visibleJson = (value: unknown): string => escaped(JSON.stringify(value));
