import { parseArgs, type ParseArgsConfig } from "node:util";

import packageJson from "../package.json" with { type: "json" };
import { messageOf } from "../src/domain/errors.ts";
import { BuildFailed } from "./build-failed.ts";

/**
 * The values of the options of this command.
 *
 * @throws {BuildFailed} with the usage.
 */
export function parseOptions<const T extends NonNullable<ParseArgsConfig["options"]>>(
  options: T,
  usage: string,
) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new BuildFailed(`${messageOf(error)}\n\n${usage}`);
  }
}

/** @throws {BuildFailed} another Bun runs this; `command` uses the right one. */
export function requireBun(command: string): void {
  const wanted = packageJson.devDependencies.bun;
  if (Bun.version === wanted) return;
  throw new BuildFailed(`expected Bun ${wanted}, found ${Bun.version}. Use: ${command}`);
}
