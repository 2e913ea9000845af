import { decodeValue, encodeValue } from "../job/values.ts";

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const notFinite = /^(?:[Nn]a[Nn]|[+-]?(?:Infinity|[Ii]nf))$/;

/**
 * The JSON text of a number as written by JSON, Python and numpy (`1.5`, `NaN`, `nan`, `-inf`).
 * Undefined for other text and for numbers that a double would change: 007, or beyond 2^53.
 */
export function numberText(word: string): string | undefined {
  if (jsonNumber.test(word)) {
    const value = Number(word);
    if (!Number.isFinite(value) || isRounded(word, value)) return undefined;
    return value === 0 && word.startsWith("-") ? encodeValue(-0) : word;
  }
  if (!notFinite.test(word)) return undefined;
  if (/^nan$/i.test(word)) return encodeValue(NaN);
  return encodeValue(word.startsWith("-") ? -Infinity : Infinity);
}

/** A number such as 4295806720123456789, whose last digits no double can hold. */
const isRounded = (word: string, value: number): boolean =>
  /^-?\d+$/.test(word) && !Number.isSafeInteger(value);

/** The JSON text of a string, in the form of `encodeValue`. */
export const quoted = (text: string): string =>
  text.includes("\0") ? encodeValue(text) : JSON.stringify(text);

/**
 * The JSON text of a word on the command line: numbers, true, false, null and JSON strings, lists
 * and objects are read as JSON, any other word as text.
 */
export function wordText(word: string): string {
  const number = numberText(word);
  if (number !== undefined) return number;
  if (!/^(?:true$|false$|null$|["[{])/.test(word)) return quoted(word);
  try {
    return encodeValue(decodeValue(word));
  } catch {
    return quoted(word); // for example a file name that begins with a bracket
  }
}
