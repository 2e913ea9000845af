import { didYouMean, similarNames } from "../../domain/similar.ts";
import { usageOf } from "./help.ts";
import type { CommandText } from "./reference.ts";

/** What to tell of a command that there is not. */
export function unknownCommand(word: string, known: readonly string[]): string {
  if (word.startsWith("-")) {
    return (
      `pdoflow: expected a command, found the option ${word}. Options follow the command, as in ` +
      `"pdoflow status --json".`
    );
  }
  return (
    `pdoflow: there is no command "${word}".${didYouMean(similarNames(word, known))} ` +
    `"pdoflow --help" lists those that there are.`
  );
}

/** What to tell of a line that its command can't read, and how that command is used. */
export function wrongUsage(
  line: readonly string[],
  reason: string,
  texts: readonly CommandText[],
): string {
  const [word = "", second = ""] = line;
  const whole = texts.find(({ name }) => name === word || name === `${word} ${second}`);
  if (!whole) {
    const known = texts.map(({ name }) => name.split(" ")[1] ?? "");
    const what = second === "" ? "a word is missing after it" : `there is no "${word} ${second}"`;
    return [
      `pdoflow ${word}: ${what}.${didYouMean(similarNames(second, known))}`,
      ...texts.map(({ name, operands }) => `usage: ${usageOf(name, operands)}`),
    ].join("\n");
  }
  return [
    `pdoflow ${whole.name}: ${problem(line, reason, whole)}`,
    `usage: ${usageOf(whole.name, whole.operands)}`,
    `"pdoflow ${whole.name} --help" tells more.`,
  ].join("\n");
}

/** What clipanion found, in words that say what to do. */
function problem(
  line: readonly string[],
  reason: string,
  { operands, options }: CommandText,
): string {
  const quoted = /"(.*)"/.exec(reason)?.[1] ?? "";
  const known = options.flatMap(({ names }) => names);
  // Where words follow an option that there is not, clipanion says no more than that.
  const unknown = reason.startsWith("Command not found")
    ? line.find((word) => /^--?[a-z]/i.test(word) && !known.includes(word.split("=")[0] ?? ""))
    : undefined;
  const option =
    unknown ?? (/^(Unsupported|Invalid) option name/.test(reason) ? quoted : undefined);
  if (option !== undefined) {
    return `there is no option ${option}.${didYouMean(similarNames(option, known))}`;
  }
  if (reason.startsWith("Not enough positional")) {
    const wanted = operands.match(/<[^>]*>/g) ?? [];
    return `an argument is missing: expected ${wanted.join(" ") || "one"}.`;
  }
  if (reason.startsWith("Extraneous positional")) return `"${quoted}" is one argument too many.`;
  // So does a value that looks like one, where words are before it.
  const before = line[line.findIndex((word) => /^-\d/.test(word)) - 1] ?? "";
  if (reason.startsWith("Command not found") && known.includes(before)) {
    return `${before} needs a value; one that begins with - is written ${before}=-1.`;
  }
  const valued = /^Not enough arguments to option (\S+?)\.?$/.exec(reason)?.[1];
  if (valued !== undefined) {
    return `${valued} needs a value; one that begins with - is written ${valued}=-1.`;
  }
  return reason;
}
