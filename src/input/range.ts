import { decimalOf, decimalText, digitsMax, scaled } from "../domain/decimal.ts";
import type { SweepRange } from "../domain/sweep.ts";
import { quoted, wordText } from "./word.ts";

/** The values of one part of a list as JSON text, computed on demand. */
export interface Values {
  size: number;
  at: (index: number) => string;
  /** If it is a range: its description, for a posting that stores no values. */
  range?: SweepRange;
}

const decimal = String.raw`-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const range = new RegExp(`^(${decimal})(?:-|\\.\\.)(${decimal})(?::(${decimal}))?$`);
/**
 * Probably a mistyped range: 1-, 1..x, 1-5:x, 1 - 5, 1:10 as in Python and MATLAB. Not 2026-01-01,
 * 3-methyl or 12:30.
 */
const almostRange = new RegExp(
  `^(?:${decimal}-|${decimal}(?:\\.\\.|–).*|\\.\\.${decimal}|${decimal}-${decimal}:.*|` +
    `${decimal} +- +${decimal}|(?!\\d\\d:\\d\\d(?::|$))${decimal}(?::${decimal}){1,2})$`,
);
const examples = "such as 1-1000, 1-1000:2, 0-1:0.25 or 1..5";

/**
 * The values of `part`: a range with first, last and step, or a single value.
 *
 * @returns a sentence if the part is invalid.
 */
export function valuesOf(part: string): Values | string {
  const [, first, last, step] = range.exec(part) ?? [];
  if (first !== undefined && last !== undefined) return rangeOf(part, first, last, step);
  if (almostRange.test(part)) return wrongRange(part, `a range ${examples}`);
  return { size: 1, at: () => wordText(part) };
}

function rangeOf(part: string, first: string, last: string, step: string | undefined) {
  const ends = [first, last].map(decimalOf);
  const by = decimalOf(step ?? "1");
  const scale = Math.max(by.scale, ...ends.map((end) => end.scale));
  if (step === undefined && scale > 0) {
    return wrongRange(part, `the step of a range with fractions, such as ${first}-${last}:0.1`);
  }
  const [from = 0n, to = 0n, stride = 0n] = [...ends, by].map((each) => scaled(each, scale));
  const isExact = [from, to].every((end) => String(end).length <= digitsMax);
  const isWhole = [from, to].every((end) => Number.isSafeInteger(Number(end)));
  if (!isExact || (scale === 0 && !isWhole)) {
    return wrongRange(part, "a range of numbers that a double holds exactly");
  }
  if (stride <= 0n || to < from) return wrongRange(part, `a range that goes up, ${examples}`);
  const width = Math.max(paddedWidth(first), paddedWidth(last));
  const size = Number((to - from) / stride) + 1;
  const value = (index: number) => decimalText(from + BigInt(index) * stride, scale);
  // 001-003 is 001, 002, 003: text, because numbers have no leading zeros.
  const range = {
    first: decimalText(from, scale),
    last: decimalText(from + BigInt(size - 1) * stride, scale),
    step: decimalText(stride, scale),
    width,
  };
  if (width === 0) return { size, at: value, range };
  return { size, at: (index: number) => quoted(value(index).padStart(width, "0")), range };
}

const wrongRange = (part: string, expected: string): string =>
  `expected ${expected}, found "${part}". If it is text, write it as JSON: ["${part}"]`;

/** The number of digits of a whole number with leading zeros; else 0. */
const paddedWidth = (text: string): number => (/^0\d+$/.test(text) ? text.length : 0);
