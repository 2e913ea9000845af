import type { JobError } from "../domain/attempt.ts";

const longestMessage = 8_192;
const longestStack = 16_384;
const deepest = 5;
/** The number of errors of an AggregateError that are kept, two levels deep. */
const errorsMax = 10;
const deepestErrors = 1;

/**
 * A thrown value in stored form: name, message, stack, causes, and the errors of an AggregateError,
 * as text for jsonb. User code can throw anything, so each access may throw.
 */
export function jobError(thrown: unknown, depth = 0): JobError {
  if (!isError(thrown)) return { name: "Thrown", message: clean(inspect(thrown), longestMessage) };
  const stack = safely(() => thrown.stack);
  const cause = safely(() => thrown.cause);
  const errors = safely(() => (thrown instanceof AggregateError ? [...thrown.errors] : []));
  const isDeep = depth >= deepest;
  return {
    name: textOf(() => thrown.name, 256) || "Error",
    message: textOf(() => thrown.message, longestMessage),
    ...(typeof stack === "string" ? { stack: clean(usersOwn(stack), longestStack) } : {}),
    ...(cause === undefined || isDeep ? {} : { cause: jobError(cause, depth + 1) }),
    ...(errors === undefined || errors.length === 0 || depth > deepestErrors
      ? {}
      : { errors: errors.slice(0, errorsMax).map((error) => jobError(error, depth + 1)) }),
  };
}

/** Also errors of another realm, as node:vm creates them. */
function isError(thrown: unknown): thrown is Error {
  return safely(() => thrown instanceof Error || Error.isError(thrown)) ?? false;
}

/** A value from user code; undefined if that throws. */
function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // a getter or a Proxy of the job: nothing can be read
  }
}

function textOf(read: () => unknown, longest: number): string {
  const value = safely(read);
  if (value === undefined) return "";
  return clean(typeof value === "string" ? value : inspect(value), longest);
}

/** jsonb accepts neither NUL nor half a surrogate pair. */
const clean = (text: string, longest: number): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text)
    .replaceAll("\0", "\u2400")
    .toWellFormed();

/**
 * A stack without the frames at its end that called the job: the frames of the compiled program
 * and all between. The whole stack if no other frame would be left.
 */
function usersOwn(stack: string): string {
  const lines = stack.trimEnd().split("\n");
  const last = lines.findLastIndex((line) => !/\/\$bunfs\/|node:async_hooks:/.test(line));
  const own = lines.slice(0, last + 1);
  return own.some((line) => /^\s+at /.test(line)) ? own.join("\n") : stack;
}

/** Not a string: as JSON if possible, otherwise by String. */
function inspect(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  const json = safely(() => JSON.stringify(thrown));
  return json ?? safely(() => String(thrown)) ?? "something that can't be shown";
}

/** File and line at which an error was thrown, as in `fit.ts:12`; like `fingerprint` in sql/. */
export function throwLocation(stack: string | undefined): string | null {
  const frame = /\n\s+at [^\n]*?([^/()\s]+\.[cm]?[jt]sx?:\d+):\d+/.exec(stack ?? "");
  return frame?.[1] ?? null;
}
