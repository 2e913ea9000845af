import { InvalidInput } from "../../domain/errors.ts";

/**
 * Refuses options that only say how many pools `--fill` starts: without it they would do nothing.
 *
 * @throws {InvalidInput}
 */
export function refuseWithoutFill(
  isFill: boolean,
  options: Readonly<Record<string, string | undefined>>,
): void {
  if (isFill) return;
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue;
    throw new InvalidInput(option, ["expected --fill with it, found none"]);
  }
}
