import { InvalidInput } from "../../domain/errors.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import type { AddProblem } from "./flow-fault.ts";
import { found } from "./stage-options.ts";

/** The values of `{name}` in a flow file, by name. */
export type FlowSettings = ReadonlyMap<string, string>;

const settingPattern = /^[\p{L}_][\p{L}\p{N}_]{0,99}$/u;

/**
 * The words of --set, as in night=2026-11-25.
 *
 * @throws {InvalidInput}
 */
export function parseSettings(words: readonly string[]): FlowSettings {
  const problems: string[] = [];
  const settings = new Map<string, string>();
  for (const word of words) {
    const [name = "", ...rest] = word.split("=");
    if (rest.length === 0 || !settingPattern.test(name)) {
      problems.push(`expected NAME=VALUE, found "${word}"`);
    } else if (settings.has(name)) problems.push(`${name} is given twice`);
    else settings.set(name, rest.join("="));
  }
  if (problems.length > 0) throw new InvalidInput("--set", problems);
  return settings;
}

/**
 * The document with `{name}` replaced in all texts outside of its table `set`, whose values are
 * defaults. Other words in braces stay: commands have marks of their own.
 *
 * @throws {InvalidInput} a setting that the table does not have.
 */
export function substituted(document: unknown, given: FlowSettings, add: AddProblem): unknown {
  if (typeof document !== "object" || document === null) return document;
  const table: unknown = Reflect.get(document, "set") ?? {};
  const defaults = typeof table === "object" && table !== null ? Object.entries(table) : [];
  if (typeof table !== "object" || Array.isArray(table)) {
    add(["set"], `set: expected a table, found ${found(table)}`);
  }
  const settings = new Map<string, string>();
  for (const [name, value] of defaults) {
    const isPlain = ["string", "number", "boolean"].includes(typeof value);
    if (!settingPattern.test(name)) add(["set", name], `expected a name, found "${name}"`);
    else if (!isPlain) add(["set", name], `${name}: expected a text, found ${found(value)}`);
    else settings.set(name, String(value));
  }
  const known = [...settings.keys()];
  const problems = [...given.keys()]
    .filter((name) => !settings.has(name))
    .map((name) => {
      const like = didYouMean(similarNames(name, known));
      const all = known.length > 0 ? ` [set] has: ${known.join(", ")}.` : "";
      const add = `${all} Add its default to the file: [set] ${name} = "…"`;
      return `the flow has no setting "${name}".${like || add}`;
    });
  if (problems.length > 0) throw new InvalidInput("--set", problems);
  for (const [name, value] of given) settings.set(name, value);
  const { set: _, ...rest } = { set: undefined, ...document };
  return fields(rest, [], (value, path) => replaced(value, settings, path, add));
}

function replaced(
  value: unknown,
  settings: FlowSettings,
  path: readonly string[],
  add: AddProblem,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
      const like = settings.has(name) ? [] : similarNames(name, [...settings.keys()]);
      const isTypo = settingPattern.test(name) && like.length > 0;
      if (isTypo) add(path, `there is no setting "${name}".${didYouMean(like)}`);
      return settings.get(name) ?? whole;
    });
  }
  if (Array.isArray(value)) return value.map((each) => replaced(each, settings, path, add));
  if (typeof value !== "object" || value === null) return value;
  return fields(value, path, (each, at) => replaced(each, settings, at, add));
}

/** The fields of an object, each changed. */
const fields = (
  value: object,
  path: readonly string[],
  change: (value: unknown, path: readonly string[]) => unknown,
): object =>
  Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, change(each, [...path, key])]),
  );
