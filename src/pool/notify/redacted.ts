import type { Receiver } from "./receivers.ts";

/** Shorter parts of a URL are words of everybody. */
const shortest = 6;

/**
 * A text of a receiver without what must not leave its file: secrets, and the parts of its URL. An
 * endpoint may answer with the path that it does not know.
 */
export function redacted(text: string, receiver: Extract<Receiver, { kind: "url" }>): string {
  const { url, secret = [], token } = receiver;
  const parts = [
    ...[url.href, `${url.pathname}${url.search}`, url.pathname, url.search, token ?? ""],
    ...[url.host, url.hostname],
    ...url.pathname.split("/"),
    ...[...url.searchParams].flat(),
    ...url.search.split(/[?&=]/),
    ...secret.map((bytes) => bytes.toString("base64")),
  ];
  const forms = parts.flatMap((part) => [
    ...[part, decoded(part), encodeURIComponent(part), part.replaceAll("/", "\\/")],
    ...[part.replaceAll("&", "&amp;"), part.replaceAll("&", "\\u0026")],
  ]);
  const found = [...new Set(forms)].filter((form) => form.length >= shortest);
  return found
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, "[removed]"), text);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // it has a percent sign of its own
  }
}
