import { job } from "../../src/index.ts";

/** Entry points for the tests of this folder. */
export const scale = job((n: number, factor: number, name: string) => `${name}: ${n * factor}`);

export const fit = job(async (n: number, options: { seed: number }) => n + options.seed);

export const named = job((options: { seed: number }) => options.seed);

export const anything = job((...values: unknown[]) => values.length);
