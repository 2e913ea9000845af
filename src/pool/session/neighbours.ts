import type { Db } from "../../db/connection/connect.ts";
import { readNeighbours } from "../../db/engine/pools.ts";
import type { Provides } from "../../domain/capabilities.ts";
import { devicesText, dividedText, sharedDevices } from "../../domain/shared-devices.ts";

/**
 * Warnings of devices that another pool of this machine offers too: pools do not know what jobs of
 * others take. Two pools that start at the same time see each other, because each registers first.
 */
export async function neighbourWarnings(
  db: Db,
  poolId: number,
  provides: Provides,
): Promise<string[]> {
  if (!Object.values(provides).some((each) => typeof each === "object")) return [];
  const neighbours = await readNeighbours(db, poolId);
  return neighbours.flatMap((other) =>
    sharedDevices(provides, other.provides).map(
      (shared) =>
        `warning: pool ${other.id} (pid ${other.pid}) on this machine offers ` +
        `${devicesText(shared)} too, so two jobs can get the same device. Give each pool its ` +
        `own, such as ${dividedText(shared)}`,
    ),
  );
}
