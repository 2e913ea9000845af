// Phrases that readers parse twice, and how often a text uses their kind.
// Run: bun test/tidy/prose.ts FILE…   prints the rates per 1,000 words of each file: of the text of
// a document, of the comments of code.
import { readFileSync } from "node:fs";

import { lineAt, type Source } from "./source.ts";

/** Phrases that no document, message or comment contains, with what to write instead. */
const phrases: Readonly<Record<string, string>> = {
  "so many": 'write the number: "N jobs", "at most N"',
  "such a share": 'write the number: "more than P percent"',
  "is told": "write reported, printed, logged or shown",
  "are told": "write reported, printed, logged or shown",
  "was told": "write reported, printed, logged or shown",
  "tells of": "write describes or explains",
  "those that": "name the things",
  "those who": "name the people",
  whoever: 'write "anyone who", or name the role',
  "for who": 'write "for users who"',
  "of who": "name the person or the role",
  "who posts": 'write "posters", or "anyone who can post"',
  "what it returned": 'write "the return value"',
  "what they returned": 'write "return values"',
  "what they print": 'write "output"',
  "what it prints": 'write "output"',
  "where there is": 'write "if there is"',
  "where there are": 'write "if there are"',
  "where there was": 'write "if there was"',
  "where nothing": 'write "if nothing"',
  "where none": 'write "if none"',
  "where it is not": 'write "if it is not"',
  "for there is": 'write "because there is"',
  "makes that there": "name what it does",
  "of which jobs": 'write "the jobs for which"',
  "looks on": "say what waits, and for what",
  "give back": "write release",
  "gives back": "write releases",
  "given back": "write released",
};

/** A phrase may go on in the next line, after the sign of a comment. */
const gap = "[\\s/*#-]+";
const banned = Object.entries(phrases).map(([phrase, remedy]) => ({
  phrase,
  remedy,
  // "told apart" and "told to" are plain English.
  pattern: new RegExp(
    `\\b${phrase.replaceAll(" ", gap)}\\b${phrase.endsWith("told") ? "(?! (apart|to)\\b)" : ""}`,
    "gi",
  ),
}));

/** The lines of a source that contain a banned phrase. */
export const proseFaults = ({ path, text }: Source): string[] =>
  banned.flatMap(({ phrase, remedy, pattern }) =>
    [...text.matchAll(pattern)].map(
      ({ index }) => `${path}:${lineAt(text, index)}: "${phrase}": ${remedy}`,
    ),
  );

/** What is counted for each 1,000 words; plain technical English stays below 0.5 of each. */
const kinds: Readonly<Record<string, RegExp>> = {
  "who/whoever": /(?<!\b(anyone|everyone|people|users?) )\bwho(ever)?\b/gi,
  "what it/is/they":
    /\bwhat(ever)? (it|is|are|was|were|they|he|she|you|a|an|the|has|have|had|its)\b/gi,
  "so many/such a": /\b(so many|such an?)\b/gi,
  "those that": /\bthose (that|who|of|which)\b/gi,
  "tell/told": /\b(tells?|told)\b/gi,
};

/** Prose without code: blocks, code spans, addresses of links and HTML comments removed. */
export const proseOf = (markdown: string): string =>
  markdown
    .replaceAll(/^ *```[^]*?^ *```$/gm, "")
    .replaceAll(/<!--[^]*?-->/g, "")
    .replaceAll(/`[^`\n]*`/g, "")
    .replaceAll(/\]\([^)]*\)/g, "]");

/** The comments of a TypeScript or SQL file, with the comments on its tables. */
export function commentsOf({ path, text }: Source): string {
  const pattern = path.endsWith(".sql")
    ? /--.*$|comment on [^']*'(?:[^']|'')*'/gm
    : /^ *(?:\/\/|\/\*|\*).*$|(?<=[;,{}()] )\/\/.*$/gm;
  return (text.match(pattern) ?? [])
    .join("\n")
    .replaceAll(/^ *(--|\/\/|\/?\*+\/?)|\*\/$/gm, "")
    .replaceAll(/`[^`]*`/g, "");
}

export interface Rates {
  words: number;
  rates: Readonly<Record<string, number>>;
}

/** Occurrences of each kind for each 1,000 words. */
export function ratesOf(prose: string): Rates {
  const words = prose.match(/[A-Za-z]+(?:['’][a-z]+)?/g)?.length ?? 0;
  const flat = prose.replaceAll(/\s+/g, " ");
  const rates = Object.fromEntries(
    Object.entries(kinds).map(([kind, pattern]) => [
      kind,
      ((flat.match(pattern)?.length ?? 0) * 1_000) / Math.max(1, words),
    ]),
  );
  return { words, rates };
}

if (import.meta.main) {
  const files = process.argv.slice(2).map((path) => {
    const text = readFileSync(path, "utf8");
    return { path, prose: path.endsWith(".md") ? proseOf(text) : commentsOf({ path, text }) };
  });
  const all = { path: "all", prose: files.map(({ prose }) => prose).join("\n") };
  console.log(["words", ...Object.keys(kinds), "file"].join("\t"));
  for (const { path, prose } of [...files, all]) {
    const { words, rates } = ratesOf(prose);
    console.log([words, ...Object.values(rates).map((rate) => rate.toFixed(1)), path].join("\t"));
  }
}
