import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { Issue, StandardSchema, SchemaResult } from "./standard-schema.ts";
import { type Retry, retryMark } from "./thrown.ts";
import { stepText } from "./values.ts";

const problemsMax = 5;

/** The schema of a job refuses its arguments. */
export class ArgumentsRefused extends PdoflowError {
  override readonly name = "ArgumentsRefused";
  readonly exitCode = exitCodes.usage;
  /** In a worker: another attempt would have the same result. */
  readonly [retryMark]: Retry = "never";
  /** The problems, each with its path in the arguments, such as `[1].rate`. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  /** The job's index in its posting, from 0; null for the running job. */
  readonly index: number | null;
  constructor(problems: readonly { path: string; message: string }[], index: number | null) {
    const shown = problems.slice(0, problemsMax).map((each) => problemText(each));
    const more = problems.length > problemsMax ? `; and ${problems.length - problemsMax} more` : "";
    const said = `the schema refuses its arguments: ${shown.join("; ")}${more}.`;
    super(
      index === null ? `The job has not run: ${said}` : `Job ${index}: ${said} Nothing was posted.`,
    );
    this.problems = problems;
    this.index = index;
  }
}

/**
 * The argument list with which to call a function that has this schema: the output of the schema
 * for `args`. It is a schema of the list or, if the function takes one argument, of that argument.
 * Returns a promise only if the schema does, because there may be millions.
 *
 * @throws {ArgumentsRefused} with this index.
 */
export function acceptArguments(
  schema: StandardSchema,
  args: readonly unknown[],
  index: number | null,
): readonly unknown[] | Promise<readonly unknown[]> {
  const result = schema["~standard"].validate(args);
  return "then" in result
    ? result.then((result) => checkList(schema, args, index, result))
    : checkList(schema, args, index, result);
}

function checkList(
  schema: StandardSchema,
  args: readonly unknown[],
  index: number | null,
  list: SchemaResult,
): readonly unknown[] | Promise<readonly unknown[]> {
  // A schema of objects may accept a list, and turn it into an object.
  if (list.issues === undefined && Array.isArray(list.value)) return list.value;
  if (args.length !== 1) throw refusal(list, index);
  const result = schema["~standard"].validate(args[0]);
  return "then" in result
    ? result.then((result) => checkOne(list, result, index))
    : checkOne(list, result, index);
}

function checkOne(list: SchemaResult, one: SchemaResult, index: number | null): readonly unknown[] {
  if (one.issues === undefined) return [one.value];
  // The result whose issues point into the arguments.
  const isOfList = list.issues?.some(({ path }) => typeof keyOf(path?.[0]) === "number");
  const isOfOne = one.issues.some(({ path }) => path !== undefined && path.length > 0);
  throw refusal(isOfOne && isOfList !== true ? one : list, index);
}

function refusal(result: SchemaResult, index: number | null): ArgumentsRefused {
  const issues = result.issues ?? [{ message: "expected one argument, or a list of them" }];
  return new ArgumentsRefused(
    issues.map(({ path = [], message }) => ({ path: pathText(path), message })),
    index,
  );
}

type PathStep = NonNullable<Issue["path"]>[number];

const keyOf = (step: PathStep | undefined) => (typeof step === "object" ? step.key : step);

const pathText = (path: readonly PathStep[]): string =>
  path
    .map((step) => {
      const key = keyOf(step);
      return stepText(typeof key === "symbol" ? String(key) : (key ?? ""));
    })
    .join("")
    .replace(/^\./, "");

const problemText = ({ path, message }: { path: string; message: string }) =>
  (path === "" ? message : `at ${path}: ${message}`).replace(/\.$/, "");
