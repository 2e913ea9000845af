import * as v from "valibot";

import { InvalidInput } from "../../domain/errors.ts";

/**
 * What `schema` makes of the options of a command, whose fields are called as the options are.
 *
 * @throws {InvalidInput} naming each option as it is typed, and what was found.
 */
export function parseFlags<T>(schema: v.GenericSchema<unknown, T>, command: object): T {
  const result = v.safeParse(schema, command);
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => {
    const name = v.getDotPath(issue) ?? "";
    const typed: unknown = Reflect.get(command, name);
    const isTold = typeof typed !== "string" || /\b(found|got)\b/.test(issue.message);
    const found = isTold ? "" : `, found ${JSON.stringify(typed)}`;
    return { flag: flagOf(name), said: issue.message + found };
  });
  const [one, ...others] = faults;
  if (one && others.length === 0) throw new InvalidInput(one.flag, [one.said]);
  throw new InvalidInput(
    "options",
    faults.map(({ flag, said }) => `${flag}: ${said}`),
  );
}

/** `maxRate` is `--max-rate`. */
const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
