import { didYouMean, similarNames } from "../../domain/similar.ts";
import { orList } from "../../domain/states.ts";
import { usageOf } from "./help.ts";
import { commandElsewhere, optionElsewhere } from "./names-elsewhere.ts";
import type { CommandText } from "./reference.ts";

/** The message for an unknown command. */
export function unknownCommand(word: string, known: readonly string[]): string {
  if (word.startsWith("-")) {
    return (
      `pdoflow: expected a command, found the option ${word}. Put options after the command, as ` +
      `in: pdoflow status --json`
    );
  }
  const elsewhere = commandElsewhere(word);
  const meant = elsewhere === undefined ? similarNames(word, known) : [elsewhere];
  return (
    `pdoflow: there is no command "${word}".${didYouMean(meant)} ` +
    `List commands with: pdoflow --help`
  );
}

/** The message for a command line that the command cannot parse, with its usage. */
export function wrongUsage(
  line: readonly string[],
  reason: string,
  texts: readonly CommandText[],
): string {
  const [word = "", second = ""] = line;
  const whole = texts.find(({ name }) => name === word || name === `${word} ${second}`);
  if (!whole) {
    const known = texts.map(({ name }) => name.split(" ")[1] ?? "");
    return [
      `pdoflow ${word}: ${wrongWord(word, second, known)}`,
      ...texts.map(({ name, operands }) => `usage: ${usageOf(name, operands)}`),
    ].join("\n");
  }
  return [
    `pdoflow ${whole.name}: ${problem(line, reason, whole)}`,
    `usage: ${usageOf(whole.name, whole.operands)}`,
    `See: pdoflow ${whole.name} --help`,
  ].join("\n");
}

/** Why `second` is not one of the words that have to follow `word`. */
function wrongWord(word: string, second: string, known: readonly string[]): string {
  const expected = `expected ${orList([...new Set(known)])} after it`;
  if (second === "") return `${expected}, found nothing.`;
  if (second.startsWith("-")) return `${expected}, found the option ${second}.`;
  return `there is no "${word} ${second}".${didYouMean(similarNames(second, known))}`;
}

/** The problem that clipanion found, with a remedy. */
function problem(
  line: readonly string[],
  reason: string,
  { operands, options }: CommandText,
): string {
  const quoted = /"(.*)"/.exec(reason)?.[1] ?? "";
  const known = options.flatMap(({ names }) => names);
  // If words follow an unknown option, clipanion reports only "Command not found".
  const unknown = reason.startsWith("Command not found")
    ? line.find((word) => /^--?[a-z]/i.test(word) && !known.includes(word.split("=")[0] ?? ""))
    : undefined;
  const option =
    unknown ?? (/^(Unsupported|Invalid) option name/.test(reason) ? quoted : undefined);
  if (option !== undefined) {
    const passed = operands.includes("arguments of psql") ? " For psql, write -- before it." : "";
    return `there is no option ${option}.${didYouMean(optionsMeant(option, known))}${passed}`;
  }
  if (reason.startsWith("Not enough positional")) {
    const wanted = operands.match(/<[^>]*>/g) ?? [];
    return `an argument is missing: expected ${wanted.join(" ") || "one"}.`;
  }
  if (reason.startsWith("Extraneous positional")) return `unexpected argument "${quoted}".`;
  // The same happens if words precede an option without a value.
  const valued = reason.startsWith("Command not found")
    ? line.find((each, i) => takesValue(each, options) && (line[i + 1] ?? "-").startsWith("-"))
    : /^Not enough arguments to option (\S+?)\.?$/.exec(reason)?.[1];
  if (valued === "--args") {
    return "--args needs a value. To post a job without arguments: --no-args.";
  }
  if (valued === "--resume") {
    return "--resume needs a run. To resume the newest: pdoflow run --resume last.";
  }
  if (valued !== undefined) {
    return `${valued} needs a value. Write a value that begins with - as ${valued}=-1.`;
  }
  if (reason.startsWith("Command not found")) {
    return `unexpected argument "${line.find((word) => word === "-") ?? line.at(-1)}".`;
  }
  return reason;
}

/** The options that `option` may have meant: another tool's name, or a mistake in typing. */
function optionsMeant(option: string, known: readonly string[]): string[] {
  const elsewhere = optionElsewhere(option, known);
  if (elsewhere !== undefined) return [elsewhere];
  const long = known.filter((name) => name.startsWith("--"));
  if (option.startsWith("--")) return similarNames(option, long);
  const letter = option.slice(0, 2).toLowerCase();
  // Each letter is one edit from every other, so only its case can be mistaken.
  const short = known.filter((name) => name.toLowerCase() === letter);
  return short.length > 0 || option.length < 4 ? short : similarNames(`-${option}`, long);
}

const takesValue = (name: string, options: CommandText["options"]) =>
  options.some(({ names, value }) => value !== null && names.includes(name));
