import * as v from "valibot";

import { Traceparent } from "../../domain/option-values.ts";

/**
 * The W3C trace context in TRACEPARENT, in which the program that started this one passes its own;
 * null for none. As the standard says, a malformed one is ignored.
 */
export function inheritedTraceparent(
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const parsed = v.safeParse(Traceparent, env["TRACEPARENT"]);
  return parsed.success ? parsed.output : null;
}
