import { encodeValue } from "../../job/values.ts";

/** Far below what jsonb can hold in any form: small values take six times their text there. */
const largest = 64 * 2 ** 20;

/** A job returned more than is kept. */
class ResultTooLarge extends Error {
  override readonly name = "ResultTooLarge";
  constructor(length: number) {
    const mib = (length / 2 ** 20).toFixed(0);
    super(`it is ${mib} MiB, and 64 MiB are kept at most. Write it to a file and return its name.`);
  }
}

/**
 * The encoded return value of a job; null for undefined.
 *
 * @throws {UnencodableValue} it holds something that can't be encoded, such as a function.
 * @throws any error of a getter or of a method `toJSON`.
 * @throws {ResultTooLarge} it is too large to be kept.
 */
export function encodeResult(result: unknown): string | null {
  if (result === undefined) return null;
  const text = encodeValue(result, { callsToJson: true });
  if (text.length > largest) throw new ResultTooLarge(text.length);
  return text;
}
