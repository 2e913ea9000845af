import { parseResources, type Provided, totalOf } from "../../domain/capabilities.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { PoolOptions } from "../../pool/options.ts";
import type { MachinePart } from "../../pool/session/neighbours.ts";
import {
  allowedCpus,
  detectResources,
  machineCpus,
  type OwnMachine,
} from "../../pool/machine/detect.ts";

/** The options of a pool that say what it has. */
interface ResourceOptions {
  /** The values of `--resource`. */
  resource: readonly string[];
  pinCpus: boolean;
  maxWorkers: number | undefined;
}

const mostWorkers = 1024;

/**
 * The resources of a pool, and the number of its workers. Both are derived from the cpus of the
 * machine, unless they are given: a pool has at least one cpu for each worker.
 *
 * @throws {InvalidInput} an option is wrong, or cpus cannot be pinned here.
 */
export async function poolResources(
  { resource, pinCpus, maxWorkers }: ResourceOptions,
  machine: OwnMachine,
  say: (line: string) => void,
): Promise<Pick<PoolOptions, "maxWorkers"> & Required<MachinePart>> {
  const names = new Set(resource.map((word) => word.split("=")[0]));
  const detected = await detectResources(machine, !names.has("gpu"), say);
  const named = parseResources(resource, detected);
  const found = totalOf(named["cpus"]) || totalOf(detected["cpus"]);
  const workers = maxWorkers ?? Math.min(Math.max(Math.floor(found), 1), mostWorkers);
  if (pinCpus) {
    const cpus = pinned(machine, named["cpus"]);
    return { provides: { ...named, cpus }, maxWorkers: workers, machineCpus: null };
  }
  if (names.has("cpus")) return { provides: named, maxWorkers: workers, machineCpus: null };
  return {
    provides: { ...named, cpus: Math.max(found, workers) },
    maxWorkers: workers,
    machineCpus: maxWorkers === undefined ? machineCpus(machine) : null,
  };
}

/** The cpus of a pool that pins its jobs, by number. */
function pinned(machine: OwnMachine, named: Provided | undefined): readonly string[] {
  if (typeof named === "object") return named;
  const allowed = allowedCpus(machine);
  if (allowed.length === 0 || Bun.which("taskset", { PATH: machine.env["PATH"] ?? "" }) === null) {
    throw new InvalidInput("--pin-cpus", ["expected Linux, and the program taskset on the PATH"]);
  }
  return allowed.slice(0, Math.max(Math.floor(totalOf(named)), 1));
}
