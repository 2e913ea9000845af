import * as v from "valibot";

import { decimalOf, decimalText, scaled } from "./decimal.ts";
import { parse } from "./parse.ts";

/** A range of numbers as JSON texts; of padded texts, if it has a width. */
export interface SweepRange {
  first: string;
  last: string;
  step: string;
  /** 0 for none. */
  width: number;
}

/** Values as JSON texts, or a range. */
export type SweepPart = { values: readonly string[] } | SweepRange;

/** The values of one argument; the name is null for a positional one. */
export interface SweepAxis {
  name: string | null;
  parts: readonly SweepPart[];
}

/** All combinations of some values, described instead of listed (J6). */
export interface Sweep {
  /** As the database takes it: sql/engine/sweep.sql describes it. */
  text: string;
  size: number;
  /** Whether `sweepLines` returns the lines exactly as the database does. */
  isNormal: boolean;
}

/** The jobs of a posting over another one (J7); `args` is a JSON list of their other arguments. */
export const overPosting = (upstream: number, jobCount: number, args: string): Sweep => ({
  text: `{"over":${upstream},"with":${args}}`,
  size: jobCount,
  isNormal: true,
});

/** A job for each element of the list that the job of a posting returns (P15); not known yet. */
export const expandedFrom = (upstream: number): Sweep => ({
  text: `{"expand":${upstream}}`,
  size: 0,
  isNormal: true,
});

/** Up to one block of jobs is stored as a list: it is read faster. */
const listedJobs = 1_000;
const mostJobs = 2 ** 31 - 1;
/** The limit of the database for a sweep, and for the arguments of each of its jobs. */
const bytesMax = 65_536;
/** The greatest length of a number of a range. */
const numberBytes = 100;
const number = /^-?\d{1,40}(?:\.\d{1,40})?$/;

/**
 * Null if its jobs must be posted as a list: if there are at most `mostListed`, or their values are
 * too large.
 */
export function sweepOf(axes: readonly SweepAxis[], mostListed = listedJobs): Sweep | null {
  const parts = axes.flatMap((axis) => axis.parts);
  const ranges = parts.flatMap((part) => ("values" in part ? [] : [part]));
  const areSound = ranges.every(
    ({ first, last, step, width }) =>
      [first, last, step].every((text) => number.test(text)) && width < numberBytes,
  );
  const size = axes.reduce((product, axis) => product * sizeOf(axis), 1);
  if (!areSound || size <= mostListed || size > mostJobs) return null;
  const text = `{"axes":[${axes.map(axisText).join(",")}]}`;
  if (Buffer.byteLength(text) + numberBytes * ranges.length > bytesMax) return null;
  return { text, size, isNormal: JSON.stringify(JSON.parse(text)) === text };
}

const sizeOf = ({ parts }: SweepAxis): number =>
  parts.reduce((sum, part) => sum + ("values" in part ? part.values.length : rangeSize(part)), 0);

function rangeSize({ first, last, step }: SweepRange): number {
  const { from, to, stride } = integersOf(first, last, step);
  return Number((to - from) / stride) + 1;
}

function axisText({ name, parts }: SweepAxis): string {
  const head = name === null ? "" : `"name":${JSON.stringify(name)},`;
  const [only, ...others] = parts.map(partText);
  return `{${head}${others.length === 0 ? only : `"parts":[{${[only, ...others].join("},{")}}]`}}`;
}

function partText(part: SweepPart): string {
  if ("values" in part) return `"values":[${part.values.join(",")}]`;
  const { first, last, step, width } = part;
  const end = width === 0 ? "" : `,"width":${width}`;
  return `"first":${first},"last":${last}${step === "1" ? "" : `,"step":${step}`}${end}`;
}

/** The ends and the step of a range, all multiplied by the same power of 10. */
function integersOf(first: string, last: string, step: string) {
  const [from, to, by] = [decimalOf(first), decimalOf(last), decimalOf(step)];
  const scale = Math.max(from.scale, to.scale, by.scale);
  return {
    scale,
    from: scaled(from, scale),
    to: scaled(to, scale),
    stride: scaled(by, scale),
  };
}

const Part = v.object({
  values: v.optional(v.array(v.unknown())),
  first: v.optional(v.number()),
  last: v.optional(v.number()),
  step: v.optional(v.number(), 1),
  width: v.optional(v.number(), 0),
});
const Axis = v.object({
  name: v.optional(v.string()),
  ...Part.entries,
  parts: v.optional(v.array(Part)),
});
const Axes = v.object({ axes: v.array(Axis) });
type Part = v.InferOutput<typeof Part>;

/**
 * The line of job `seq` of a sweep that is normal: a pool computes it, because the database might
 * have been changed after the sweep was signed.
 *
 * @throws {InvalidInput} it is not a sweep.
 */
export function sweepLines(text: string): (seq: number) => string {
  const { axes } = parse(Axes, JSON.parse(text), "a sweep");
  const columns = axes.map(({ name, parts, ...part }) => ({
    name,
    values: (parts ?? [part]).map(valuesOf),
  }));
  return (seq) => {
    const list: string[] = [];
    const fields: string[] = [];
    let rest = seq;
    for (const { name, values } of columns.toReversed()) {
      const size = values.reduce((sum, part) => sum + part.size, 0);
      const value = valueAt(values, rest % size);
      rest = Math.floor(rest / size);
      if (name === undefined) list.unshift(value);
      else fields.unshift(`${JSON.stringify(name)}:${value}`);
    }
    const object = fields.length === 0 ? [] : [`{${fields.join(",")}}`];
    return list.length === 0 ? (object[0] ?? "") : `[${[...list, ...object].join(",")}]`;
  };
}

interface PartValues {
  size: number;
  at: (index: number) => string;
}

function valueAt(parts: readonly PartValues[], index: number): string {
  let rest = index;
  for (const { size, at } of parts) {
    if (rest < size) return at(rest);
    rest -= size;
  }
  return "";
}

function valuesOf({ values, first = 0, last = 0, step, width }: Part): PartValues {
  if (values) return { size: values.length, at: (index) => JSON.stringify(values[index]) };
  const { from, to, stride, scale } = integersOf(String(first), String(last), String(step));
  const at = (index: number) => decimalText(from + BigInt(index) * stride, scale);
  const size = Number((to - from) / stride) + 1;
  return width === 0
    ? { size, at }
    : { size, at: (index) => `"${at(index).padStart(width, "0")}"` };
}
