import type { JobError } from "./attempt.ts";

const longestMessage = 8_192;
const longestStack = 16_384;

/** What was thrown, as it is kept: name, message, stack, cause by cause. Text that jsonb takes. */
export function jobError(thrown: unknown, depth = 0): JobError {
  if (!(thrown instanceof Error)) {
    return { name: "Thrown", message: clean(inspect(thrown), longestMessage) };
  }
  const hasCause = thrown.cause !== undefined && depth < 5;
  return {
    name: clean(thrown.name, 256),
    message: clean(thrown.message, longestMessage),
    ...(thrown.stack === undefined ? {} : { stack: clean(thrown.stack, longestStack) }),
    ...(hasCause ? { cause: jobError(thrown.cause, depth + 1) } : {}),
  };
}

/** jsonb takes neither NUL nor half a surrogate pair. */
const clean = (text: string, longest: number): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text)
    .replaceAll("\0", "\u2400")
    .toWellFormed();

function inspect(thrown: unknown): string {
  try {
    return typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown));
  } catch {
    return "something that can't be shown"; // a cycle, or a toJSON that throws
  }
}

/** File and line where an error was thrown, as in `fit.ts:12`; as `fingerprint` in sql/ has it. */
export function throwPlace(stack: string | undefined): string | null {
  const frame = /\n\s+at [^\n]*?([^/()\s]+\.[cm]?[jt]sx?:\d+):\d+/.exec(stack ?? "");
  return frame?.[1] ?? null;
}
