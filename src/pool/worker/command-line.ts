import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { shellWord } from "../../domain/shell-word.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";

/** The values that a command gets: the values of one job, by index or by name. */
export type CommandInput = readonly unknown[] | Readonly<Record<string, unknown>>;

/**
 * A word of a command. In place of the gaps of a list comes the number of the worker that runs it.
 */
export type CommandWord = string | readonly string[];

/** The entry point of jobs that are commands; only pools that allow commands run it. */
export const commandEntryPoint = "pdoflow/shell#command";

/** The job is a command, and its pool runs none. */
export class CommandsNotAllowed extends PdoflowError {
  override readonly name = "CommandsNotAllowed";
  readonly exitCode = exitCodes.usage;
  constructor() {
    super("This pool runs no commands: to allow them, start it with --commands.");
  }
}

/** A mark, or a text that looks like one, such as {##}, with the text before it. */
const mark =
  /([\\$]?)\{(\/?\.|\/{0,2}|#{1,2}|%{1,2}|[\p{L}\p{N}_][\p{L}\p{N}_-]*(?:\/?\.|\/{1,2})?)\}/gu;

/** A mark of a command has no value. */
export class UnknownMark extends PdoflowError {
  override readonly name = "UnknownMark";
  readonly exitCode = exitCodes.usage;
  constructor(name: string, input: CommandInput, number: number) {
    const names = Array.isArray(input) ? [] : Object.keys(input);
    const count = Array.isArray(input) ? input.length : names.length;
    const known = [...names.slice(0, 20).map((each) => `{${each}}`), countText(count)];
    super(
      `{${name}} has no value in job ${number}: expected {}, {#}, {%}, {.}, {/}, {//}, {/.}` +
        `${known.map((each) => (each === "" ? "" : `, ${each}`)).join("")}.` +
        `${didYouMean(similarNames(name, names))} For the text itself write '\\{${name}}'.`,
    );
  }
}

const countText = (count: number): string =>
  count === 0 ? "" : count === 1 ? "{1}" : `{1} to {${count}}`;

/**
 * The command of one job: `template` with the job's values in place of {}, {.} and so on, as in GNU
 * parallel. If there is no such mark they are appended. A template of one word is a line for a
 * shell, in which each value is quoted; several words are run directly, without a shell. `number`
 * counts from 1. {%} is known only to the worker.
 *
 * @throws {UnknownMark}
 */
export function commandOf(
  template: readonly string[],
  input: CommandInput,
  number: number,
): CommandWord[] {
  const isLine = template.length === 1;
  const values = Array.isArray(input) ? input.map(textOf) : Object.values(input).map(textOf);
  const quote = isLine ? shellWord : (text: string) => text;
  const whole = values.map(quote).join(" ");
  let isUsed = false;
  const words = template.map((word) =>
    word.replace(mark, (found: string, before: string, name: string, offset: number) => {
      if (before !== "") return before === "\\" ? found.slice(1) : found; // ${x} is the shell's
      if (name === "%") {
        isUsed = true;
        return slotGap;
      }
      const value = valueOf(name, input, values, number);
      if (value === undefined) {
        if (isOthers(name, word.slice(0, offset))) return found;
        throw new UnknownMark(name, input, number);
      }
      isUsed = true;
      return name === "" ? whole : quote(value);
    }),
  );
  const filled = isUsed || values.length === 0;
  const all = filled ? words : isLine ? [`${words[0] ?? ""} ${whole}`] : [...words, ...values];
  return all.map((word) => (word.includes(slotGap) ? word.split(slotGap) : word));
}

/** A character that no argument of a command can have. */
const slotGap = "\0";

/** The words of a command in the worker with this number, counted from 1. */
export const wordsIn = (words: readonly unknown[], slot: string): string[] =>
  words.map((word) => (Array.isArray(word) ? word.join(slot) : String(word)));

/** Statements of awk that stand alone between braces, as in awk '{print}'. */
const awkStatements = ["print", "next", "nextfile", "exit", "getline"];

/** Whether braces without a value mean something in other languages. */
function isOthers(name: string, before: string): boolean {
  if (/^\d+$/.test(name)) return /(?:[\])]|\\[a-zA-Z])$/.test(before); // [0-9]{3} of a pattern
  return /[%@]$/.test(before) || awkStatements.includes(name); // %{http_code}, HEAD@{upstream}
}

/** The value for the name between the braces; undefined if there is none. */
function valueOf(
  name: string,
  input: CommandInput,
  values: readonly string[],
  number: number,
): string | undefined {
  if (name === "#") return String(number);
  const [, which = "", part = ""] = /^(.*?)(\/?\.|\/{0,2})$/.exec(name) ?? [];
  const value = namedValue(which, input, values);
  return value === undefined ? undefined : partOf(value, part);
}

function namedValue(
  name: string,
  input: CommandInput,
  values: readonly string[],
): string | undefined {
  if (name === "") return values[0] ?? "";
  if (/^[1-9]\d*$/.test(name)) return values[Number(name) - 1];
  if (Array.isArray(input) || !Object.hasOwn(input, name)) return undefined;
  return textOf(new Map(Object.entries(input)).get(name));
}

/** A part of a path, as named by GNU parallel; all of it for an empty name. */
function partOf(path: string, part: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  switch (part) {
    case "/":
      return file;
    case ".":
      return path.slice(0, path.length - file.length) + withoutExtension(file);
    case "/.":
      return withoutExtension(file);
    case "//":
      return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
    default:
      return path;
  }
}

const withoutExtension = (file: string): string => file.replace(/(?<=.)\.[^.]*$/, "");

/** A value as a word of a command. */
export const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** A command as a line for a shell; {%} is known only when it runs. */
export function commandLine(command: readonly CommandWord[]): string {
  const words = command.map((word) => (typeof word === "string" ? word : word.join("{%}")));
  return words.length === 1 ? (words[0] ?? "") : words.map(shellWord).join(" ");
}
