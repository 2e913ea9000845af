import { InvalidInput } from "../../domain/errors.ts";

/**
 * Parses the URL of a server. Faults name the `option`, what it expects, and the text without its
 * user and password.
 *
 * @throws {InvalidInput}
 */
export function parseHttpUrl(text: string, option: string, expected: string): URL {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return new URL(text);
  const shown = text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1…@");
  throw new InvalidInput(option, [`expected ${expected}, found "${shown}"`]);
}

/** The header for the user and the password of a URL, which loses them: it is logged. */
export function takeLogin(url: URL): Record<string, string> {
  const login = [url.username, url.password].map(decodedText).join(":");
  url.username = url.password = "";
  return login === ":" ? {} : { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
}

/** A text that is encoded as in URLs; as it is if it has a lone %, which older programs accept. */
export function decodedText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
