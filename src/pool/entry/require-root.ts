import { accessSync, constants, statSync } from "node:fs";

import { RootNotFound } from "../../domain/entry-point.ts";

/**
 * Checks that workers of this user can start in the root. Without it, each of them would fail to
 * start, which looks like a fault of the system that may pass.
 *
 * @throws {RootNotFound}
 */
export function requireRoot(root: string): void {
  try {
    if (!statSync(root).isDirectory()) throw new Error("it is no folder");
    accessSync(root, constants.X_OK);
  } catch (cause) {
    throw new RootNotFound(root, cause);
  }
}
