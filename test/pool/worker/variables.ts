import type { Cli } from "../../binary/cli.ts";

const usual = {
  LC_TIME: "C",
  SLURM_JOB_ID: "7",
  OMP_NUM_THREADS: "2",
  CUDA_VISIBLE_DEVICES: "0",
};

const named = { LICENCE: "x", AWS_REGION: "eu" };

const secrets = {
  AWS_SECRET_ACCESS_KEY: "s",
  SLURM_JWT: "s",
  PBS_JOBCOOKIE: "s",
  GITHUB_TOKEN: "s",
};

export const database = { PGPASSFILE: "/none", PGAPPNAME: "x", DATABASE_URL: "postgres://s" };

export const all = { ...usual, ...named, ...secrets, ...database, OTHER: "y" };

const ofWorker = ["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "PDOFLOW_SLOT"];

export const least = [...ofWorker, ...Object.keys(usual), "HOME", "PATH", "TZ"].toSorted();

export const allButDatabase = Object.keys(all).filter((name) => !(name in database));

export const most = [...ofWorker, ...allButDatabase, "HOME", "PATH", "TZ"].toSorted();

type Commands = Pick<Cli, "runWith" | "write">;

export async function writeProject(cli: Commands): Promise<void> {
  // Each worker has a mark, by which its remaining processes are found.
  const names = `export const names = () =>
    Object.keys(process.env).filter((name) => name !== "PDOFLOW_WORKER").sort();`;
  await cli.write("env.ts", names);
}

export async function post(cli: Commands): Promise<string> {
  const options = { input: "[[]]", env: { DATABASE_URL: "" } };
  return (await cli.runWith(options, "post", "env.ts#names", "-")).out.trim();
}
