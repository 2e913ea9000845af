import type { JobError } from "../../domain/attempt.ts";
import { formatAmount } from "../../domain/capabilities.ts";

const mebibyte = 2 ** 20;

/** A job needed more memory than it had taken. `used` is null if nobody knows how much. */
export function outOfMemory(used: number | null, taken: number): JobError {
  const more = used === null ? "" : `${formatAmount(Math.ceil(used / mebibyte) * mebibyte)} of `;
  return {
    name: "OutOfMemory",
    message:
      `the job used ${more}${used === null ? "more memory" : "memory, more"} than the ` +
      `${formatAmount(taken)} of its need mem, and was killed`,
  };
}
