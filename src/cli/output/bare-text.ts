import { cellOf, isFields } from "./cell.ts";
import { escapeJson } from "./escape-control.ts";
import { inOneLine } from "./result-table.ts";

/**
 * A result on one line, for other programs: text without quotes, numbers such as NaN and dates as
 * text, anything else as the JSON that is stored, because parsing would lose digits.
 */
export function bareText(json: string | null): string {
  if (json === null) return "null";
  const whole = escapeJson(inOneLine(json));
  if (!/^\s*["{]/.test(json)) return whole;
  const value: unknown = JSON.parse(json);
  if (isFields(value)) return whole;
  const text = cellOf(value);
  return /[^\P{Cc}\t]/u.test(text) ? whole : text;
}
