import type { JobError } from "./attempt.ts";

/** The causes of an error and the errors of an AggregateError, each before its own causes. */
export function causesOf(error: JobError | null): JobError[] {
  const below = [...(error?.cause ? [error.cause] : []), ...(error?.errors ?? [])];
  return below.flatMap((each) => [each, ...causesOf(each)]);
}

/** The stack of an error, followed by those of its causes. */
export const errorText = (error: JobError): string =>
  [error, ...causesOf(error)]
    .map(({ name, message, stack }) => stack ?? `${name}: ${message}`)
    .join("\ncaused by ");
