/**
 * Maps the parts of JSON text outside of its strings and keys; `offset` is the start of the part. A
 * single regular expression that skips strings would take JavaScriptCore seconds for a million
 * escapes, and fails on longer strings.
 */
export function mapOutsideStrings(
  text: string,
  map: (part: string, offset: number) => string,
): string {
  let result = "";
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const start = quote === -1 ? text.length : quote;
    const end = stringEnd(text, start);
    result += map(text.slice(at, start), at) + text.slice(start, end);
    at = end;
  }
  return result;
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char === "\\") at += 1;
  }
  return text.length;
}
