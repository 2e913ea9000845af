import * as v from "valibot";

import { InvalidInput } from "./errors.ts";
import { didYouMean, similarNames } from "./similar.ts";

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
      const said = isUnknownName(issue) ? unknownName(issue, schema) : issue.message;
      return path === null ? said : `${path}: ${said}`;
    }),
  );
}

const isUnknownName = ({ type, expected }: v.BaseIssue<unknown>) =>
  type === "strict_object" && expected === "never";

function unknownName({ path }: v.BaseIssue<unknown>, schema: object): string {
  // The names that there are, of the outermost object.
  const known = path?.length === 1 && "entries" in schema ? Object.keys(schema.entries ?? {}) : [];
  const like = didYouMean(similarNames(String(path?.at(-1)?.key), known));
  if (like !== "" || known.length === 0) return `there is no such name here.${like}`;
  return `there is no such name here, only ${known.join(", ")}`;
}
