// Which versions meet in a database, and what to upgrade first: the schema, then pools, the oldest
// first, then other programs (docs/upgrading.md).
import type { Health, PoolVersion } from "../../db/admin/health.ts";
import { compareVersions } from "../../domain/compare-versions.ts";
import { advice, type Finding, problem } from "./finding.ts";

/** Differences between the versions of the schema, of this program and of pools. */
export function versionFindings(health: Health, version: string): Finding[] {
  return [...schemaVersionFindings(health), ...poolVersionFindings(health, version)];
}

function schemaVersionFindings({ schema, poolVersions }: Health): Finding[] {
  const { version, compatibleSince, known, oldestUsable } = schema;
  if (version === 0) return [];
  if (compatibleSince > known) {
    const found =
      `it supports programs for its version ${compatibleSince} or newer, and this pdoflow is ` +
      `for version ${known}`;
    return [problem("schema", found, "upgrade pdoflow on this machine")];
  }
  if (version < oldestUsable) {
    const found = `it is at version ${version}, and this pdoflow needs version ${oldestUsable}`;
    return [problem("schema", found, "upgrade it first, with: pdoflow migrate")];
  }
  if (version < known) {
    const older = poolVersions.filter(({ schemaVersion }) => schemaVersion < known);
    const found = `it is at version ${version} of ${known}, which this pdoflow can use`;
    const remedy =
      older.length === 0
        ? "upgrade it with: pdoflow migrate"
        : `first upgrade ${poolsText(older)}, then run: pdoflow migrate`;
    return [advice("schema", found, remedy)];
  }
  if (version > known) {
    const found = `it is at version ${version}, and this pdoflow is for version ${known}`;
    return [advice("schema", found, "upgrade pdoflow on this machine when convenient")];
  }
  return [];
}

function poolVersionFindings({ poolVersions, schema }: Health, version: string): Finding[] {
  const mine = { version, schemaVersion: schema.known };
  const others = poolVersions.filter((each) => each.version !== version);
  const older = others.filter((each) => byAge(each, mine) < 0);
  const newer = others.filter((each) => byAge(each, mine) > 0);
  const same = others.filter((each) => byAge(each, mine) === 0);
  const found: (Finding | false)[] = [
    older.length > 0 &&
      advice(
        "versions",
        `older than this pdoflow ${version}: ${poolsText(older)}`,
        "upgrade them, the first one first: pdoflow drain, then start them again with the new " +
          "program",
      ),
    newer.length > 0 &&
      advice(
        "versions",
        `newer than this pdoflow ${version}: ${poolsText(newer)}`,
        "upgrade pdoflow on this machine, and pools that are older than these",
      ),
    same.length > 0 &&
      advice(
        "versions",
        `other builds than this pdoflow ${version}: ${poolsText(same)}`,
        "start them again with the same program when convenient: pdoflow drain, then pdoflow pool",
      ),
  ];
  return found.filter((each) => each !== false);
}

/** Such as "2 pools of 0.1.0 (3f2a9c1), 1 pool of 0.2.0 (8c0f312)", the oldest first. */
export const poolsText = (versions: readonly PoolVersion[]): string =>
  [...versions]
    .sort(byAge)
    .map(({ version, pools }) => `${pools} ${pools === 1 ? "pool" : "pools"} of ${version}`)
    .join(", ");

type Age = Pick<PoolVersion, "version" | "schemaVersion">;

const byAge = (a: Age, b: Age): number =>
  a.schemaVersion - b.schemaVersion || compareVersions(a.version, b.version);
