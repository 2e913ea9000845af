import { blocksText } from "../../db/posting/blocks-text.ts";
import { type ChildOptions, childOptionsText } from "../../domain/child-options.ts";
import { formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { acceptArguments } from "../../job/accept-arguments.ts";
import { entryPointOf } from "../../job/job-entry-point.ts";
import { type JobFunction, schemaOf } from "../../job/job-mark.ts";
import type { ArgumentLists } from "../../job/current-job.ts";
import { FatalError } from "../../job/thrown.ts";
import { encodeArgs } from "../../job/values.ts";
import { type ChildCall, callCharsMax, callJobsMax } from "../wire/child-call.ts";

/**
 * The jobs of a call of `post` in a job, encoded.
 *
 * @throws {InvalidInput} a row is not a list of arguments, or an option is wrong.
 * @throws {FatalError} there are more jobs or arguments than a call can have.
 */
export async function childCall(
  root: string,
  fn: JobFunction | string,
  rows: ArgumentLists,
  options: ChildOptions,
): Promise<Omit<ChildCall, "number">> {
  const entryPoint =
    typeof fn === "string" ? formatEntryPoint(parseEntryPoint(fn)) : await entryPointOf(fn, root);
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const args: string[] = [];
  let chars = 0;
  for await (const row of rows) {
    if (!Array.isArray(row)) throw notAList(args.length);
    if (schema) await acceptArguments(schema, row, args.length);
    const text = encodeArgs(row);
    chars += text.length + 1;
    args.push(text);
    if (args.length > callJobsMax) throw new FatalError(tooMany(`${callJobsMax} jobs`));
    if (chars > callCharsMax) throw new FatalError(tooMany("16 MiB of arguments"));
  }
  if (args.length === 0) throw new InvalidInput("rows of post", ["expected at least one job"]);
  return { entryPoint, options: childOptionsText(options), jobs: blocksText(args) };
}

const tooMany = (limit: string) =>
  `post: expected at most ${limit} in a call, found more: call it several times`;

const notAList = (index: number) =>
  new InvalidInput(`row ${index} of post`, ['expected a list of arguments, as in [1, "a.txt"]']);
