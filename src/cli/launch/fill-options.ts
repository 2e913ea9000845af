import { InvalidInput } from "../../domain/errors.ts";

/** The options that commands which start pools have for `--fill`. */
interface FillOptions {
  fill: boolean;
  check: boolean;
  provides: readonly string[];
  project: string | undefined;
}

/**
 * Refuses `--fill` with `--check`, and without `--fill` the options that only say how many pools it
 * starts, because they would do nothing. `more` has further ones.
 *
 * @throws {InvalidInput}
 */
export function checkFill(
  { fill, check, provides: [provides], project }: FillOptions,
  more: Readonly<Record<string, string | undefined>> = {},
): void {
  if (fill && check) throw new InvalidInput("--fill", ["expected --fill or --check, found both"]);
  if (fill) return;
  const options = { ...more, "--for": provides, "--project": project };
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue;
    throw new InvalidInput(option, ["expected --fill with it, found none"]);
  }
}
