import type { RunnablePosting } from "../../db/engine/leases.ts";
import type { AttemptState, JobError } from "../../domain/attempt.ts";
import type { JobLines } from "../../domain/job-lines.ts";
import type { AttemptDetails, EndColumns } from "../wire/ends.ts";

type Bounds = Pick<RunnablePosting, "maxResultBytes" | "maxOutputBytes">;

/** Errors up to this size are kept whole, regardless of the limit of results. */
const errorBytes = 65_536;

/** A character of a text takes at most this number of bytes in UTF-8. */
const characterBytes = 3;

/** Whether a job of a run may exceed the limits of its poster (T4): then each is measured. */
export function mayExceed(
  { results, stdouts, stderrs }: EndColumns,
  { maxResultBytes, maxOutputBytes }: Bounds,
): boolean {
  const exceeds = (lines: JobLines | null, bytesMax: number | null) =>
    lines !== null && bytesMax !== null && characterBytes * lines.longest > bytesMax;
  return (
    exceeds(results, maxResultBytes) ||
    exceeds(stdouts, maxOutputBytes) ||
    exceeds(stderrs, maxOutputBytes)
  );
}

/** Cuts the end of an attempt to the limits of its poster (T4). */
export function keptResult(
  kind: AttemptState,
  end: AttemptDetails,
  { maxResultBytes, maxOutputBytes }: Bounds,
): [AttemptState, AttemptDetails] {
  let kept = end;
  if (maxOutputBytes !== null && end.output !== null) {
    const { stdout, stderr } = end.output;
    const output = {
      ...end.output,
      stdout: cut(stdout, maxOutputBytes),
      stderr: cut(stderr, maxOutputBytes),
    };
    kept = { ...end, output };
  }
  if (maxResultBytes === null || end.text === null) return [kind, kept];
  const size = Buffer.byteLength(end.text);
  if (kind !== "done") {
    const isShort = size <= Math.max(maxResultBytes, errorBytes);
    return [kind, isShort ? kept : { ...kept, text: headline(end.text) }];
  }
  if (size <= maxResultBytes) return [kind, kept];
  const error: JobError = {
    name: "ResultTooLarge",
    message:
      `the job returned ${size} bytes, and ${maxResultBytes} are kept for the role that posted ` +
      "it. Write it to a file and return its name, or post with --no-results if nobody reads " +
      "it.",
  };
  return ["failed", { ...kept, text: JSON.stringify(error), retry: "never" }];
}

/** The name and message of an error. */
function headline(text: string): string {
  const { name, message } = errorIn(text);
  const [short, long] = [String(name).slice(0, 256), String(message).slice(0, 8_192)];
  return JSON.stringify({ name: short.toWellFormed(), message: long.toWellFormed() });
}

/** A worker may send anything instead of JSON. */
function errorIn(text: string): Partial<JobError> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<JobError>;
  } catch {
    return { name: "Error", message: "the thrown value was too long to be kept" };
  }
}

/** The beginning and the end of a text, in whole characters, within a limit of bytes. */
function cut(text: string | null, most: number): string | null {
  if (text === null || Buffer.byteLength(text) <= most) return text;
  const bytes = Buffer.from(text);
  const mark = `\n… (cut to ${most} bytes) …\n`;
  const room = most - Buffer.byteLength(mark);
  if (room <= 0) return null;
  const isInside = (offset: number) => ((bytes[offset] ?? 0) & 0xc0) === 0x80;
  let head = Math.floor(room / 2);
  let tail = bytes.length - (room - head);
  while (isInside(head)) head--;
  while (isInside(tail)) tail++;
  return bytes.toString("utf8", 0, head) + mark + bytes.toString("utf8", tail);
}
