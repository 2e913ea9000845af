import * as v from "valibot";

import { type OptionName, postingOptions } from "./posting-options.ts";

/** The options of postings that are made later, by a job or by a schedule; as require_options. */
export const laterOptions = [
  "name",
  "priority",
  "maxAttempts",
  "backoffMs",
  "timeoutMs",
  "graceMs",
  "stopAfter",
  "keepsResults",
  "keepsOutput",
  "maxRunning",
  "maxRate",
  "maxFailures",
  "maxFailuresPercent",
  "keepMs",
  "onEnd",
  "onFailure",
  "project",
  "needs",
] as const satisfies readonly OptionName[];
export type LaterOption = (typeof laterOptions)[number];

/** The entries of an object of given options, without defaults. */
export const givenOptions = (names: readonly OptionName[]) =>
  Object.fromEntries(names.map((name) => [name, v.optional(postingOptions[name].schema.wrapped)]));
