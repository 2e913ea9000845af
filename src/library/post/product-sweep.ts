import { decimalText } from "../../domain/decimal.ts";
import { type Sweep, type SweepPart, sweepOf } from "../../domain/sweep.ts";
import { encodeValue, UnencodableValue } from "../../job/values.ts";
import { NumberRange, Product } from "./product.ts";
import type { Source } from "./source.ts";

/** More digits after the point, or in all, may be written in another way by JSON. */
const scaleMax = 6;
const digitsMax = 15;
/** Longer lists have more than 64 KiB. */
const valuesMax = 32_768;

/**
 * The description of jobs that need not be stored; null if they must, or if they have a fault: that
 * is found as they are read.
 */
export function sweepOfSources(
  posargs: Source<readonly unknown[]>,
  kwargs: Source<object>,
  mostListed?: number,
): Sweep | null {
  const [given, other] = posargs instanceof Product ? [posargs, kwargs] : [kwargs, posargs];
  if (!(given instanceof Product) || !Array.isArray(other) || other.length > 0) return null;
  const hasList = given.axes.some(({ name }) => name === null);
  if (hasList !== (given === posargs)) return null;
  const axes = [];
  for (const { name, values } of given.axes) {
    const part = partOf(values);
    // A name with $ might be that of a tag (src/job/values.ts).
    if (part === null || name?.startsWith("$") === true || name?.isWellFormed() === false)
      return null;
    axes.push({ name, parts: [part] });
  }
  return sweepOf(axes, mostListed);
}

function partOf(values: readonly unknown[] | NumberRange): SweepPart | null {
  if (values instanceof NumberRange) return rangePart(values);
  if (values.length === 0 || values.length > valuesMax || values.includes(undefined)) return null;
  try {
    return { values: values.map((value) => encodeValue(value)) };
  } catch (error) {
    if (error instanceof UnencodableValue) return null;
    throw error;
  }
}

function rangePart({ integers, scale, size }: NumberRange): SweepPart | null {
  const { first, step } = integers;
  const last = first + BigInt(size - 1) * step;
  const isShort = [first, last].every((each) => String(each).replace("-", "").length <= digitsMax);
  if (scale > 0 && (scale > scaleMax || !isShort)) return null;
  const [from, to, by] = [first, last, step].map((each) => decimalText(each, scale));
  return { first: from ?? "", last: to ?? "", step: by ?? "", width: 0 };
}
