import { controlPicture } from "../../domain/control-picture.ts";
import { paintCodes } from "./color.ts";

/** Control characters, except line breaks, tabs and our own colours. */
const controls = new RegExp(String.raw`\u001b\[(?:${paintCodes})m|[^\P{Cc}\n\t]`, "gu");

/**
 * Makes text from untrusted sources, such as the error of a job, safe for a terminal: control
 * characters become visible symbols, except our own colours.
 */
export const escapeControl = (text: string): string =>
  text.replace(controls, (found) => (found.length > 1 ? found : controlPicture(found)));

/** Escapes the control characters that JSON text can contain unescaped, such as U+009B. */
export const escapeJson = (json: string): string =>
  json.replace(/[^\P{Cc}\n]/gu, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);

export const toEscapedJson = (value: unknown): string => escapeJson(JSON.stringify(value));
