import { isListWord } from "../../input/shared-arguments.ts";
import type { OptionText } from "../shell/reference.ts";
import { commandTexts } from "../shell/reference.ts";
import { isCommon } from "../shell/option-groups.ts";
import { PostCommand } from "../commands/post.ts";

/** An option of `post` that a stage of a flow can have. */
export interface StageOption {
  /** Without dashes, as in a flow file. */
  name: string;
  /** What its value is called in help; null for a switch. */
  value: string | null;
  /** Whether it can be given several times. */
  isList: boolean;
  /** Whether its value names a posting: in a flow, another stage. */
  isReference: boolean;
}

/** Options that concern a command line as a whole, or that a flow has itself. */
const excluded = ["--key", "--wait", "--dry-run", "--check", "--progress"];

/** The options of a stage by name: those of `post`, in their long form. */
export function stageOptions(): ReadonlyMap<string, StageOption> {
  const [text] = commandTexts(PostCommand);
  return new Map(
    (text?.options ?? [])
      .filter((option) => !isCommon(option) && !excluded.includes(longName(option)))
      .map((option) => {
        const { value, isList } = option;
        const name = longName(option).replace(/^--/, "");
        return [name, { name, value, isList, isReference: value === "POSTING" }] as const;
      }),
  );
}

const longName = ({ names }: OptionText): string => names.at(-1) ?? "";

/** A value of an option as the words of a command line, or the problem with it. */
export function optionWords(option: StageOption, given: unknown): string[] | string {
  const { name, value, isList } = option;
  if (value === null) {
    if (typeof given === "boolean") return given ? [`--${name}`] : [];
    return `expected true or false, found ${found(given)}`;
  }
  const isTable = typeof given === "object" && given !== null && !Array.isArray(given);
  if (isTable && value === "NAME=VALUE") {
    return Object.entries(given).map(([key, each]) => `--${name}=${key}=${JSON.stringify(each)}`);
  }
  if (value === "JSON") return [`--${name}=${JSON.stringify(given)}`];
  const values: unknown[] = Array.isArray(given) ? given : [given];
  if (isList && value === "LIST") return eachWords(name, given);
  if (!isList && values.length !== 1) {
    if (value !== "LIST" || values.length === 0) {
      return `expected one ${value}, found a list of ${values.length}`;
    }
    return optionWords(option, values.join(","));
  }
  const words = values.map((each) => wordOf(value, each));
  const wrong = words.findIndex((word) => word === null);
  if (wrong >= 0) return `expected ${value}, found ${found(values[wrong])}`;
  return words.map((word) => `--${name}=${word}`);
}

/**
 * The lists of values of `each`: a list has the values of one, unless all of its elements are lists
 * themselves, which are combined. A table has a list for each name.
 */
function eachWords(name: string, given: unknown): string[] | string {
  const isList = (one: unknown) =>
    Array.isArray(one) || (typeof one === "string" && isListWord(one));
  if (!Array.isArray(given)) {
    const lists = typeof given === "object" && given !== null ? Object.entries(given) : null;
    if (lists === null) return [`--${name}=${listText(given)}`];
    return lists.map(([key, list]) => `--${name}=${key}=${listText(list)}`);
  }
  const values: unknown[] = given;
  if (values.length === 0) return "expected at least one value, found an empty list";
  const [list, value] = [values.find(isList), values.find((one) => !isList(one))];
  if (value === undefined) return values.map((one) => `--${name}=${listText(one)}`);
  if (list === undefined) return [`--${name}=${listText(values)}`];
  return (
    `expected values, or lists to combine, found the value ${JSON.stringify(value)} beside the ` +
    `list ${JSON.stringify(list)}. Write ${name} = ["a", "b"] for a job for each value, or ` +
    `${name} = [["a", "b"], "1-3"] for each combination`
  );
}

/** The word of a list of values; texts are as on the command line. */
const listText = (list: unknown) =>
  typeof list === "string" ? list : JSON.stringify(Array.isArray(list) ? list : [list]);

/** Null if it cannot be the value of an option. */
function wordOf(kind: string, value: unknown): string | null {
  if (kind === "WORDS") return JSON.stringify(value); // keeps "1" apart from 1
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

export function found(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a table" : JSON.stringify(value);
}
