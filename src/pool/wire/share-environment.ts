import type { Share } from "../../domain/ledger.ts";

/** The variable from which a worker reads its share, as JSON. */
export const shareVariable = "PDOFLOW_RESOURCES";

/** What numeric libraries read for the number of their threads. */
const threadVariables = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
];

/** What the libraries of graphics cards read for the devices that they may use. */
const gpuVariables = ["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"];

/**
 * The variables that tell a worker its share; undefined for those to remove. A job that takes no
 * gpu sees none, if the pool counts them.
 */
export function shareEnvironment(
  share: Share,
  countsGpus: boolean,
): Record<string, string | undefined> {
  const { counts, devices } = share;
  const env: Record<string, string | undefined> = { [shareVariable]: JSON.stringify(share) };
  for (const [name, amount] of Object.entries(counts)) {
    env[variableOf(name)] = devices[name]?.join(",") ?? String(amount);
  }
  const cpus = devices["cpus"]?.length ?? counts["cpus"] ?? 1;
  env[variableOf("cpus")] = String(cpus);
  for (const name of threadVariables) env[name] = String(Math.max(Math.floor(cpus), 1));
  if (!countsGpus) return env;
  const gpus = devices["gpu"] ?? [];
  for (const name of gpuVariables) env[name] = gpus.join(",");
  // HIP counts within ROCR_VISIBLE_DEVICES, also with CUDA_VISIBLE_DEVICES, which this overrides.
  env["HIP_VISIBLE_DEVICES"] = gpus.length === 0 ? undefined : [...gpus.keys()].join(",");
  return env;
}

/** The variable of a resource: PDOFLOW_CPUS, PDOFLOW_MEM, PDOFLOW_GPU; PDOFLOW_RESOURCE_X. */
function variableOf(name: string): string {
  const known = ["cpus", "mem", "gpu"].includes(name);
  return `PDOFLOW_${known ? "" : "RESOURCE_"}${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}
