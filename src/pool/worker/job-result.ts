import { encodeValue } from "../../job/values.ts";

/** Far below the limit of jsonb for any form: small values take six times their text there. */
const largest = 64 * 2 ** 20;

/** The return value of a job exceeds the limit. */
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
 * @throws {UnencodableValue} it contains something that cannot be encoded, such as a function.
 * @throws any error of a getter or of a method `toJSON`.
 * @throws {ResultTooLarge} it exceeds the limit.
 */
export function encodeResult(result: unknown): string | null {
  if (result === undefined) return null;
  const text = encodeValue(result, { callsToJson: true });
  if (text.length > largest) throw new ResultTooLarge(text.length);
  return text;
}
