import * as v from "valibot";

import { parse } from "./parse.ts";
import { type OptionsInput, postingOptions } from "./posting-options.ts";

const names = [
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
  "runAt",
  "deadline",
  "keepMs",
  "project",
  "needs",
] as const;
type ChildOption = (typeof names)[number];

/**
 * The options of jobs that a job posts. By default their priority, needs and project are those of
 * its own posting.
 */
export interface ChildOptions extends OptionsInput<ChildOption> {}

const Options = v.strictObject(
  Object.fromEntries(names.map((name) => [name, v.optional(postingOptions[name].schema.wrapped)])),
);

/**
 * @internal The given options as JSON text, as `pool_draft` takes them.
 *
 * @throws {InvalidInput}
 */
export const childOptionsText = (options: ChildOptions): string =>
  JSON.stringify(parse(Options, options, "options of post"));
