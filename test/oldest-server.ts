// The oldest PostgreSQL that PDOFlow works with, in the place of the newest: with
// PDOFLOW_TEST_POSTGRES=14 in its environment, `bun test` starts this one for its run.
import { existsSync } from "node:fs";

import packageJson from "../package.json" with { type: "json" };
import type { ServerPaths } from "../src/db/settings/server-paths.ts";
import { oldestProgram, placeOfVersion, prepareVersion } from "./server-version.ts";

/** "14.23.0", as npm numbers it. */
export const oldestVersion =
  /@(\d+\.\d+\.\d+)/.exec(packageJson.optionalDependencies["postgres-14"])?.[1] ?? "";

/** npm installs this package on Linux with an x64 processor only. */
export const hasOldest = (): boolean => existsSync(oldestProgram);

export const isOldestWanted = (): boolean => process.env["PDOFLOW_TEST_POSTGRES"] === "14";

/** `place` with the folders of this version. */
export const oldestPlace = (place: ServerPaths): ServerPaths => ({
  ...placeOfVersion(place, 14),
  serverVersion: oldestVersion,
});

/** What `ensureServer` does before it starts a server. */
export const prepareOldest = (place: ServerPaths): Promise<void> => prepareVersion(place, 14);
