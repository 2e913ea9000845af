import * as v from "valibot";

import { EntryPoint } from "./entry-point.ts";
import { InvalidInput } from "./errors.ts";

/** Whether a path or name is one of a pattern's. */
export type Matches = (text: string) => boolean;

/**
 * Which entry points a pool may run, by patterns as `jobs/**#*`: of the module and, after the last
 * "#", of the export's name. An entry point is compared as it is imported, without `./` and `//`.
 *
 * @throws {InvalidInput} something is no such pattern.
 */
export function allowedBy(
  patterns: readonly string[],
  glob: (pattern: string) => Matches,
): (entryPoint: string) => boolean {
  const faults = patterns.filter((pattern) => !form.test(pattern));
  if (faults.length > 0) {
    throw new InvalidInput("--allow", [
      "expected patterns of entry points such as 'jobs/**#*' or 'fit.ts#main', without a leading " +
        `"!" or "/", got ${faults.map((fault) => JSON.stringify(fault)).join(", ")}`,
    ]);
  }
  const pairs = patterns.map((pattern) => {
    const hash = pattern.lastIndexOf("#");
    return { module: glob(pattern.slice(0, hash)), name: glob(pattern.slice(hash + 1)) };
  });
  return (text) => {
    const entryPoint = v.safeParse(EntryPoint, text);
    if (!entryPoint.success) return false;
    const { module, export: name } = entryPoint.output;
    const path = module.replace(/^\.\//, "");
    return pairs.some((pair) => pair.module(path) && pair.name(name));
  };
}

const form = /^[^!/#\s][^\s]*#[^!#/\s]+$/;
