import * as v from "valibot";

import { InvalidInput } from "../../domain/errors.ts";

/**
 * Parses the options of a command. A field is named like its option in camelCase, unless `flags`
 * says otherwise.
 *
 * @throws {InvalidInput} with each wrong option as it is typed, and its value.
 */
export function parseFlags<T>(
  schema: v.GenericSchema<unknown, T>,
  command: object,
  flags: Readonly<Record<string, string>> = {},
): T {
  const result = v.safeParse(schema, command);
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => {
    const key = issue.path?.[0]?.key; // of a list, not the index in it
    const name = typeof key === "string" ? key : "";
    const typed: unknown = Reflect.get(command, name);
    const hasFound = typeof typed !== "string" || /\b(found|got)\b/.test(issue.message);
    const found = hasFound ? "" : `, found ${JSON.stringify(typed)}`;
    return { flag: flags[name] ?? flagOf(name), text: issue.message + found };
  });
  const [one, ...others] = faults;
  if (one && others.length === 0) throw new InvalidInput(one.flag, [one.text]);
  throw new InvalidInput(
    "options",
    faults.map(({ flag, text }) => `${flag}: ${text}`),
  );
}

/** `maxRate` is `--max-rate`. */
const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
