import * as v from "valibot";

import { InvalidInput } from "./errors.ts";

/**
 * The one door from outside: flags, files, environment, rows of jsonb, messages between processes.
 * Returns what `schema` makes of `input`; inside, types are trusted.
 *
 * @throws {InvalidInput} naming `what` and every problem found, each with the path to it.
 */
export function parse<T>(schema: v.GenericSchema<unknown, T>, input: unknown, what: string): T {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw new InvalidInput(
    what,
    result.issues.map((issue) => {
      const path = v.getDotPath(issue);
      return path === null ? issue.message : `${path}: ${issue.message}`;
    }),
  );
}
