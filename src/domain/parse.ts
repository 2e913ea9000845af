import * as v from "valibot";

import { InvalidInput } from "./errors.ts";
import { didYouMean, similarNames } from "./similar.ts";

/**
 * Validates all data from outside: flags, files, environment, rows of jsonb and messages between
 * processes. Code behind it trusts the types.
 *
 * @throws {InvalidInput} with `what` and every problem, each with its path.
 */
export function parse<T>(schema: v.GenericSchema<unknown, T>, input: unknown, what: string): T {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw new InvalidInput(
    what,
    result.issues.map((issue) => {
      const path = v.getDotPath(issue);
      const text = isUnknownName(issue) ? unknownName(issue, schema) : issue.message;
      return path === null ? text : `${path}: ${text}`;
    }),
  );
}

const isUnknownName = ({ type, expected }: v.BaseIssue<unknown>) =>
  type === "strict_object" && expected === "never";

function unknownName({ path }: v.BaseIssue<unknown>, schema: object): string {
  // Known names are listed for the outermost object only.
  const known = path?.length === 1 && "entries" in schema ? Object.keys(schema.entries ?? {}) : [];
  const like = didYouMean(similarNames(String(path?.at(-1)?.key), known));
  if (like !== "" || known.length === 0) return `unknown name.${like}`;
  return `unknown name; expected one of ${known.join(", ")}`;
}
