/**
 * JSON text with what `map` gives for each part between its strings, keys included; `offset` is
 * where the part begins. Not one regular expression that passes over strings: on a string with a
 * million escapes JavaScriptCore needs seconds for it, on longer ones it finds nothing.
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
