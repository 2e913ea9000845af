import type { Db } from "../../db/connection/connect.ts";
import { type Neighbour, readNeighbours } from "../../db/engine/pools.ts";
import { type Provides, totalOf } from "../../domain/capabilities.ts";
import { devicesText, dividedText, sharedDevices } from "../../domain/shared-devices.ts";

/** The part of its machine that a pool takes. */
export interface MachinePart {
  provides: Provides;
  /** The cpus of the machine, if the pool takes all that it found; absent or null if given. */
  machineCpus?: number | null;
}

/** A pool without devices reads up to this many others, because each of a large fleet asks. */
const readMax = 1_000;

/**
 * Warnings of devices and cpus that another pool of this machine offers too: pools do not know what
 * jobs of others take. Two pools that start at the same time see each other, because each registers
 * first.
 */
export async function neighbourWarnings(
  db: Db,
  poolId: number,
  { provides, machineCpus }: MachinePart,
): Promise<string[]> {
  const hasDevices = Object.values(provides).some((each) => typeof each === "object");
  const total = machineCpus ?? null;
  if (!hasDevices && total === null) return [];
  const neighbours = await readNeighbours(db, poolId, hasDevices ? null : readMax);
  return [
    ...neighbours.flatMap((other) => deviceWarnings(provides, other)),
    ...(total === null ? [] : cpuWarnings(provides, neighbours, total)),
  ];
}

const deviceWarnings = (provides: Provides, other: Neighbour): string[] =>
  sharedDevices(provides, other.provides).map(
    (shared) =>
      `warning: pool ${other.id} (pid ${other.pid}) on this machine offers ` +
      `${devicesText(shared)} too, so two jobs can get the same device. Give each pool its ` +
      `own, such as ${dividedText(shared)}`,
  );

/** The pool takes all cpus that it found, and others of this machine run jobs on them, too. */
function cpuWarnings(provides: Provides, all: readonly Neighbour[], total: number): string[] {
  const others = all.filter(({ isDraining }) => !isDraining);
  const [first] = others;
  const own = totalOf(provides["cpus"]);
  const together = others.reduce(
    (sum, other) => sum + Math.min(other.slots, totalOf(other.provides["cpus"]) || other.slots),
    own,
  );
  if (!first || together <= total) return [];
  const more = others.length === 1 ? "" : ` and ${others.length - 1} more`;
  const half = Math.max(Math.floor(total / 2), 1);
  return [
    `warning: this pool and pool ${first.id} (pid ${first.pid})${more} count ${together} cpus of ` +
      `this machine, which has ${total}. Give each pool its own, such as --resource cpus=${half} ` +
      `--max-workers ${half}`,
  ];
}
