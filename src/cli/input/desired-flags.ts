// The options of commands that ask how many pools jobs could keep busy.
import { Option } from "clipanion";

import type { ScaledPools } from "../../db/dashboard/desired.ts";
import { parseResourceList } from "../../domain/capabilities.ts";
import { InvalidInput } from "../../domain/errors.ts";

/** `--for`. Its description begins with `start`, such as "count only". */
export const forOption = (start: string) =>
  Option.Array("--for", [], {
    description:
      `${start} jobs for pools that provide this, such as gpu=0,mem=64G, or '' for nothing ` +
      "(default: any jobs)",
  });

/** `--project`, in the same way. */
export const projectOption = (start: string) =>
  Option.String("--project", {
    description: `${start} jobs of this project and jobs without one (default: of any project)`,
  });

/**
 * The pools for which a command with these options asks.
 *
 * @throws {InvalidInput} also for several `--for`: each would be another kind of pool, with a
 *   number of its own, as for the exporter.
 */
export function scaledPools(
  { provides, project }: { provides: readonly string[]; project: string | undefined },
  slots: number,
): ScaledPools {
  const [text, ...others] = provides;
  if (others.length > 0) {
    throw new InvalidInput("--for", [
      "expected it once, with everything that a pool provides, such as gpu=0,mem=64G; found it " +
        `${provides.length} times`,
    ]);
  }
  return {
    provides: text === undefined ? null : parseResourceList(text, "--for"),
    project: project ?? null,
    slots,
  };
}
