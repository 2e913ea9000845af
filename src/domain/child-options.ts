import * as v from "valibot";

import { givenOptions, laterOptions } from "./later-options.ts";
import { parse } from "./parse.ts";
import type { OptionsInput } from "./posting-options.ts";

const names = [...laterOptions, "runAt", "deadline", "startBy", "traceparent"] as const;
type ChildOption = (typeof names)[number];

/**
 * The options of jobs that a job posts. By default their priority, needs and project are those of
 * its own posting, and their trace is that of the attempt.
 */
export interface ChildOptions extends OptionsInput<ChildOption> {}

const Options = v.strictObject(givenOptions(names));

/**
 * @internal The given options as JSON text, as `pool_draft` takes them.
 *
 * @throws {InvalidInput}
 */
export const childOptionsText = (options: ChildOptions): string =>
  JSON.stringify(parse(Options, options, "options of post"));
