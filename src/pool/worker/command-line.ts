import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";

/** The values that a command gets: the values of one job, by index or by name. */
export type CommandInput = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The entry point of jobs that are commands; only the pool of a `pdoflow run` runs it. */
export const commandEntryPoint = "pdoflow/shell#command";

/** A mark, or a text that looks like one, such as {%} and {1.}, with the text before it. */
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
      `{${name}} has no value in job ${number}: expected {}, {#}, {.}, {/}, {//}, {/.}` +
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
 * counts from 1.
 *
 * @throws {UnknownMark}
 */
export function commandOf(
  template: readonly string[],
  input: CommandInput,
  number: number,
): string[] {
  const isLine = template.length === 1;
  const values = Array.isArray(input) ? input.map(textOf) : Object.values(input).map(textOf);
  const quote = isLine ? shellQuoted : (text: string) => text;
  const whole = values.map(quote).join(" ");
  let isUsed = false;
  const words = template.map((word) =>
    word.replace(mark, (found: string, before: string, name: string, offset: number) => {
      if (before !== "") return before === "\\" ? found.slice(1) : found; // ${x} is the shell's
      const value = valueOf(name, input, values, number);
      if (value === undefined) {
        if (isOthers(name, word.slice(0, offset))) return found;
        throw new UnknownMark(name, input, number);
      }
      isUsed = true;
      return name === "" ? whole : quote(value);
    }),
  );
  if (isUsed || values.length === 0) return words;
  return isLine ? [`${words[0] ?? ""} ${whole}`] : [...words, ...values];
}

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
  const first = values[0] ?? "";
  const file = first.slice(first.lastIndexOf("/") + 1);
  switch (name) {
    case "":
      return first;
    case "#":
      return String(number);
    case "/":
      return file;
    case ".":
      return first.slice(0, first.length - file.length) + withoutExtension(file);
    case "/.":
      return withoutExtension(file);
    case "//":
      return first.includes("/") ? first.slice(0, first.lastIndexOf("/")) || "/" : ".";
    default:
      if (/^[1-9]\d*$/.test(name)) return values[Number(name) - 1];
      if (Array.isArray(input) || !Object.hasOwn(input, name)) return undefined;
      return textOf(new Map(Object.entries(input)).get(name));
  }
}

const withoutExtension = (file: string): string => file.replace(/(?<=.)\.[^.]*$/, "");

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** One word for a shell, whatever it contains. */
export const shellQuoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
