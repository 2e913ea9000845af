import type { Environment } from "../../db/settings/parameters.ts";
import { InvalidInput } from "../../domain/errors.ts";

/** Variables that may contain a password, or lead to one. */
const database = /^(PG|DATABASE_URL$|PDOFLOW_(?!PROJECT$))/;
/** Variables that programs need, that batch systems set, and that numeric libraries read. */
const usual = new RegExp(
  `^(${[
    ...["PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR"],
    ...["LANG", "LANGUAGE", "LC_.*", "TZ", "NODE_ENV"],
    ...["PDOFLOW_PROJECT", "SLURM_.*", "PBS_.*", "LSB_.*", "SGE_.*"],
    ...[
      "OMP_.*",
      "MKL_.*",
      "OPENBLAS_.*",
      "CUDA_.*",
      "HIP_VISIBLE_DEVICES",
      "ROCR_VISIBLE_DEVICES",
    ],
  ].join("|")})$`,
);
/** Batch systems set secrets such as SLURM_JWT and PBS_JOBCOOKIE. */
const secret = /JWT|COOKIE|TOKEN|SECRET|PASSW|CREDENTIAL|KEY/;
/** The number of a worker among those of its pool, from 1: for programs that use {%}. */
export const slotVariable = "PDOFLOW_SLOT";
/** For the pool only: user code may need much memory for a while. */
const own = "MIMALLOC_PURGE_DELAY";

/**
 * The argument of `--env`: variables, such as `LICENCE`, or a prefix, such as `AWS_*`.
 *
 * @throws {InvalidInput} it has another form, or may lead to the database.
 */
export function parseEnv(text: string | undefined): string[] {
  const names = (text ?? "").split(",").map((name) => name.trim());
  const given = names.filter((name) => name !== "");
  const faults = given.filter((name) => !/^([A-Za-z_]\w*)?\*?$/.test(name) || database.test(name));
  if (faults.length === 0) return given;
  throw new InvalidInput("--env", [
    "expected names of variables, such as LICENCE,AWS_*, and none that may lead to the database, " +
      `got ${faults.map((name) => JSON.stringify(name)).join(", ")}`,
  ]);
}

/**
 * The environment of processes that run user code: the usual variables, and those in `handsOn`.
 * Nothing leads to the database (rule 5).
 */
export function workerEnvironment(
  env: Environment,
  handsOn: readonly string[],
): Record<string, string | undefined> {
  const isNamed = (name: string) =>
    handsOn.some((each) =>
      each.endsWith("*") ? name.startsWith(each.slice(0, -1)) : name === each,
    );
  const isUsual = (name: string) => usual.test(name) && !secret.test(name);
  const kept = Object.entries(env).filter(
    ([name]) => !database.test(name) && name !== own && (isUsual(name) || isNamed(name)),
  );
  return {
    // Otherwise Bun writes its cache of large files below the home folder.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    ...Object.fromEntries(kept),
    // A worker in a busy loop does not notice that its pool has ended; this makes Bun end it.
    BUN_FEATURE_FLAG_NO_ORPHANS: "1",
  };
}
