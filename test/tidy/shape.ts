import { posix } from "node:path";

import { lineAt, type Source, viewsOf } from "./source.ts";

const linesMax = 299;
const functionLinesMax = 59;
const columnsMax = 100;

/** Files, functions and lines that are too long. */
export function sizeFaults({ path, text }: Source): string[] {
  const lines = text.trimEnd().split("\n");
  const file =
    lines.length > linesMax
      ? [`${path} has ${lines.length} lines, at most ${linesMax} are allowed. Give a part a name.`]
      : [];
  const measured = path.startsWith("test/") ? withoutData(text) : lines;
  const wide = measured.flatMap((line, index) =>
    Bun.stringWidth(line) > columnsMax
      ? [`${path}:${index + 1} is wider than ${columnsMax} columns. Break the line.`]
      : [],
  );
  const functions = path.endsWith(".ts")
    ? functionsOf(text)
        .filter(({ lineCount }) => lineCount > functionLinesMax)
        .map(
          ({ line, lineCount }) =>
            `${path}:${line}: a function of ${lineCount} lines, at most ${functionLinesMax} are ` +
            `allowed. Give a step of it a name.`,
        )
    : [];
  return [...file, ...wide, ...functions];
}

/** The lines of a test without what is inside of quotes: the names of tests, and what they give. */
function withoutData(text: string): string[] {
  const { code, comments } = viewsOf(text);
  const [lines, commentLines] = [text.split("\n"), comments.split("\n")];
  return code.split("\n").map((line, index) => {
    const isCommented = (commentLines[index] ?? "").trim() !== "";
    if (isCommented) return lines[index] ?? "";
    return line.trimEnd().replace(/(^|["'`}]) +(?=["'`$])/g, "$1");
  });
}

const startsFunction = /\bfunction\b|=>/;
const startsCall = /^\s+(?:(?:static|async|override|get|set)\s+)*\*?[#\w$[\].]+(?:<.*>)?\(/;
const isStatement = /^\s*(?:if|for|while|switch|catch|with|return|throw|await|super)\b/;
/** A group or a table of tests is a list, not a function that is read as one. */
const isGroup = /^\s*(?:describe\b|(?:test|it)\.each<)/;

/**
 * Every function of several lines. It relies on the formatter: a function ends before, or with,
 * the first line that is indented no deeper than the line where it starts.
 */
export function functionsOf(text: string): { line: number; lineCount: number }[] {
  const lines = viewsOf(text).code.trimEnd().split("\n");
  return lines.flatMap((line, index) => {
    const starts = startsFunction.test(line) || startsMethod(lines, index);
    if (!starts || isGroup.test(line)) return [];
    const lineCount = endOf(lines, index) - index + 1;
    return lineCount > 1 ? [{ line: index + 1, lineCount }] : [];
  });
}

/** A method looks like a call, but that a brace opens after its parameters. */
function startsMethod(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? "";
  if (!startsCall.test(line) || isStatement.test(line)) return false;
  if (!/\(\{?$/.test(line)) return /\).* \{$/.test(line);
  const after = lines.slice(index + 1).find((next) => indentOf(next) <= indentOf(line));
  return /^\s*[)}].*\{$/.test(after ?? "");
}

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** The index of the last line of what starts at `start`. */
function endOf(lines: readonly string[], start: number): number {
  const indent = indentOf(lines[start] ?? "");
  for (let index = start + 1; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    if (line.trim() === "" || indentOf(line) > indent) continue;
    // `): Promise<void> {` closes the parameters and opens the body.
    const goesOn = /^\s*[)\]}]/.test(line) && /(?:[({[]|=>)$/.test(line.trimEnd());
    if (!goesOn) return /^\s*[)\]}]/.test(line) ? index : lastFilled(lines, index - 1);
  }
  return lines.length - 1;
}

const lastFilled = (lines: readonly string[], from: number): number =>
  lines.findLastIndex((line, index) => index <= from && line.trim() !== "");

const bannedNames = /^(utils?|helpers?|commons?|misc|types?|managers?)$/;

/** Names that say nothing about what is inside. */
export function nameFaults(path: string): string[] {
  const words = path.replace(posix.extname(path), "").split(/[/.-]/);
  return words
    .filter((word) => bannedNames.test(word))
    .map((word) => `${path}: "${word}" names no thing. Name the file after what it owns.`);
}

/** The binary is minified, so an error that does not spell its name has none. */
export function errorNameFaults({ path, text }: Source): string[] {
  return [...text.matchAll(/^(?:export )?(?:abstract )?class (\w+) extends \w*Error \{/gm)]
    .filter(([head]) => !head.includes("abstract "))
    .filter(({ 1: name = "", index }) => {
      const body = text.slice(index, text.indexOf("\n}", index));
      return !body.includes(`override readonly name = "${name}";`);
    })
    .map(
      ({ 1: name = "", index }) =>
        `${path}:${lineAt(text, index)}: ${name} does not spell its name. ` +
        `Add: override readonly name = "${name}";`,
    );
}
