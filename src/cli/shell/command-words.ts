import { isCodeFile } from "../../domain/entry-point.ts";
import { quoted, wordText } from "../../input/word.ts";
import type { OptionText } from "./reference.ts";

/** The commands that take the command line of another program. */
const takers = ["post", "run"];

/**
 * Rewrites words that clipanion would misread, given the options of the command:
 *
 * - `--args 1 -2 x` becomes `--args=1 --args=-2 --args=x`, up to the next option.
 * - The words of another program become `--command=WORD`: those after `--` or, if there is none,
 *   from the first operand that is no entry point.
 * - `::: a b` becomes `--each` with these values, `:::: FILE` an operand, as in GNU parallel.
 * - `-j8` becomes `-j=8`.
 * - Negative numbers of `set-priority 42 -1` and `vars set gain -1` move after `--`.
 */
export function rewriteWords(line: readonly string[], options: readonly OptionText[]): string[] {
  const isSetting = line[0] === "set-priority" || (line[0] === "vars" && line[1] === "set");
  if (isSetting && !line.includes("--")) return negativesLast(line);
  if (!takers.includes(line[0] ?? "")) return line.map(attached);
  const { own, isCommand, rest } = split(line, options);
  const at = rest.findIndex(isMark);
  const words = at < 0 ? rest : rest.slice(0, at);
  return [
    ...own,
    ...words.map((word) => `--command=${word}`),
    ...(at < 0 ? [] : inputs(rest.slice(at), isCommand)),
  ];
}

/** The words of pdoflow itself; `rest` begins with the command, or with `:::`. */
function split(line: readonly string[], options: readonly OptionText[]) {
  const takesValue = (name: string) =>
    options.some(({ names, value }) => value !== null && names.includes(name));
  const [first = "", ...words] = line;
  const own = [first];
  // With `--`, words before it can be files with values for the command.
  let mayBegin = !words.includes("--");
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (isMark(word)) return { own, isCommand: false, rest: words.slice(i) };
    if (word === "--") return { own, isCommand: true, rest: words.slice(i + 1) };
    if (word === "--args" && isWord(words[i + 1])) {
      while (isWord(words[i + 1])) own.push(`--args=${words[++i]}`);
    } else if (word.startsWith("-") && word !== "-") {
      own.push(attached(word));
      if (takesValue(word) && i + 1 < words.length) own.push(words[++i] ?? "");
    } else if (mayBegin && word !== "-" && !isEntryPoint(word)) {
      return { own, isCommand: true, rest: words.slice(i) };
    } else {
      mayBegin &&= word === "-";
      own.push(word);
    }
  }
  return { own, isCommand: false, rest: [] };
}

/**
 * Whether it names a function, perhaps without the name: then the command reports that. A line for
 * the shell can contain "#" too, as in 'echo {#} {}'.
 */
function isEntryPoint(word: string): boolean {
  const hash = word.lastIndexOf("#");
  if (hash < 0) return isCodeFile(word);
  const isLine = /\s/.test(word) && !/^[^\s"'{}()]+$/.test(word.slice(hash + 1));
  return !isLine || isCodeFile(word.slice(0, hash).trim());
}

const isMark = (word: string) => /^:{3,4}\+?$/.test(word);

const isWord = (word: string | undefined) =>
  word !== undefined && !isMark(word) && !/^-(?!\d|$|Infinity$)/.test(word);

/** The lists that begin with `:::`, and the files that begin with `::::`. */
function inputs(words: readonly string[], isCommand: boolean): string[] {
  const lists: { mark: string; values: string[] }[] = [];
  for (const word of words) {
    if (isMark(word)) lists.push({ mark: word, values: [] });
    else lists.at(-1)?.values.push(word);
  }
  const textOf = isCommand ? quoted : wordText; // a command gets 1.50 as it was typed
  return [
    ...(lists.some(({ mark }) => mark.endsWith("+")) ? ["--link"] : []),
    ...lists.flatMap(({ mark, values }) =>
      mark.startsWith("::::") ? values : [`--each=[${values.map(textOf).join(",")}]`],
    ),
  ];
}

/** Only digits can follow a short option that takes a value. */
const attached = (word: string) => word.replace(/^(-j)(\d+)$/, "$1=$2");

function negativesLast(line: readonly string[]): string[] {
  const isNegative = (word: string) => /^-\d/.test(word);
  const negative = line.filter(isNegative);
  if (negative.length === 0) return [...line];
  return [...line.filter((word) => !isNegative(word)), "--", ...negative];
}
