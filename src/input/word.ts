import { decodeValue, encodeValue } from "../job/values.ts";

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const notFinite = /^(?:[Nn]a[Nn]|[+-]?(?:Infinity|[Ii]nf))$/;

/**
 * The JSON text of a number as JSON, Python and numpy write it (`1.5`, `NaN`, `nan`, `-inf`).
 * Undefined for anything else, and for what would not survive: 007, and whole numbers beyond 2^53.
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

/** A long number of a catalogue, such as 4295806720123456789: no double holds its last digits. */
const isRounded = (word: string, value: number): boolean =>
  /^-?\d+$/.test(word) && !Number.isSafeInteger(value);

/** The JSON text of text, as `encodeValue` has it. */
export const quoted = (text: string): string =>
  text.includes("\0") ? encodeValue(text) : JSON.stringify(text);

/**
 * The JSON text of a word of the command line: a number, true, false, null, a JSON string, list or
 * object is what it says, and any other word is text.
 */
export function wordText(word: string): string {
  const number = numberText(word);
  if (number !== undefined) return number;
  if (!/^(?:true$|false$|null$|["[{])/.test(word)) return quoted(word);
  try {
    return encodeValue(decodeValue(word));
  } catch {
    return quoted(word); // such as the name of a file that begins with a bracket
  }
}
