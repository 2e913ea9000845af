// deploy/kubernetes without a cluster: its objects are checked, its containers run as processes.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type Cli, openCli, until } from "../../binary/cli.ts";
import { freshDatabase } from "../../database.ts";
import { hasDebian } from "../../debian-packages.ts";
import { withRoles } from "../../db/roles/roles.ts";
import { freePort } from "../../free-port.ts";
import { showThreeFacts } from "../three-facts.ts";
import { built, faults, type Manifest } from "./manifests.ts";

interface Container {
  args: string[];
  env: { name: string; valueFrom: { secretKeyRef: { key: string } } }[];
  ports: { containerPort: number }[];
  resources: { limits: { cpu: string; memory: string } };
  [probe: `${string}Probe`]: { httpGet: { path: string } } | undefined;
}

interface Pod {
  containers: [Container];
  terminationGracePeriodSeconds: number;
}

type Keda = {
  triggers: [{ metadata: { query: string } }];
  jobTargetRef: { template: { spec: Pod } };
};

function find(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`expected a ${kind} ${name}`);
  return found;
}

const podOf = ({ spec }: Manifest) => (spec["template"] as { spec: Pod }).spec;

const overlays = ["base", "scaled-object", "scaled-job"] as const;
const [base, byObject, byJob] = await Promise.all(overlays.map(built));
if (!base || !byObject || !byJob) throw new Error("expected the base and two overlays");
const poolPod = podOf(find(base, "Deployment", "pdoflow-pool"));
const keda = {
  object: find(byObject, "ScaledObject", "pdoflow-pool").spec as unknown as Keda,
  job: find(byJob, "ScaledJob", "pdoflow-pool").spec as unknown as Keda,
};
const jobPod = keda.job.jobTargetRef.template.spec;

test("Kubernetes and KEDA know every field of the objects", async () => {
  for (const objects of [base, byObject, byJob]) expect(await faults(objects)).toEqual([]);
  const [first] = base;
  const broken = { ...first, spec: { ...first?.spec, replicas: "two" } } as Manifest;
  expect((await faults([broken])).join("\n")).toContain("replicas");
  const misspelt = { ...first, spec: { ...first?.spec, replica: 2 } } as Manifest;
  expect((await faults([misspelt])).join("\n")).toContain("replica");
}, 120_000);

test("an overlay has either a Deployment or a ScaledJob, and KEDA alone scales it", () => {
  expect(find(byObject, "Deployment", "pdoflow-pool").spec["replicas"]).toBeUndefined();
  const kinds = byJob.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(kinds).not.toContain("Deployment pdoflow-pool");
  expect(kinds).not.toContain("PodDisruptionBudget pdoflow-pool");
});

test("pods get more time to end than pools give their jobs", () => {
  for (const { containers, terminationGracePeriodSeconds } of [poolPod, jobPod]) {
    const [{ args }] = containers;
    const grace = /^(\d+)m$/.exec(args[args.indexOf("--grace") + 1] ?? "")?.[1];
    expect(terminationGracePeriodSeconds).toBeGreaterThan(Number(grace) * 60);
  }
});

test("the query of KEDA counts pools of these slots, for a role that may do nothing else", async () => {
  await using roles = await withRoles("scaler", "poster");
  await roles.grant("scaler", "scaler");
  const [{ resources }] = poolPod.containers;
  const { query } = keda.object.triggers[0].metadata;
  expect(query).toBe(keda.job.triggers[0].metadata.query);
  const { cpu, memory } = resources.limits;
  const mem = Number.parseInt(memory, 10) * 2 ** 30;
  expect(query).toContain(`'{"cpus":${cpu},"mem":${mem}}', ${cpu})`);
  expect(jobPod.containers[0].resources).toEqual(resources);
  const scaler = await roles.as("scaler");
  const desired = async () => Object.values((await scaler.sql.unsafe(query).simple())[0] ?? {});
  expect(await desired()).toEqual([0]);
  await roles.grant("poster", "poster");
  const poster = await roles.as("poster");
  await poster.sql`
    select pdoflow.post('fit.ts#fit', (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 9) i))`;
  expect(await desired()).toEqual([3]);
});

/** Starts a container as a process: its arguments and its variables, on a port of this machine. */
async function start(cli: Cli, container: Container, swap: Record<string, string> = {}) {
  const port = await freePort();
  const containerPort = container.ports.at(0)?.containerPort ?? "";
  const args = container.args.map(
    (word) => swap[word] ?? word.replace(`0.0.0.0:${containerPort}`, `0.0.0.0:${port}`),
  );
  expect(container.env.map(({ name }) => name)).toEqual(["PDOFLOW_DATABASE_URL"]);
  const child = Bun.spawn([...cli.command, ...args], {
    ...{ cwd: cli.folder, env: cli.env, stdio: ["ignore", "ignore", "ignore"] },
  });
  const probe = async (name: "liveness" | "readiness" | "startup") => {
    const path = container[`${name}Probe`]?.httpGet.path ?? "";
    return await fetch(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  };
  return { child, port, probe };
}

test("a pod's command: 200 jobs run, an end costs no attempt, and a killed pool's jobs run again", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await showThreeFacts(db, cli, async () => {
    const { child, probe } = await start(cli, poolPod.containers[0]);
    await until("a started pod", async () => (await probe("startup")) === 200);
    await until("a ready pod", async () => (await probe("readiness")) === 200);
    expect(await probe("liveness")).toBe(200);
    return {
      stop() {
        child.kill("SIGTERM");
        return child.exited;
      },
      async kill() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  });

  // A pod of a ScaledJob ends by itself, with success; here after a second without jobs.
  const { child } = await start(cli, jobPod.containers[0], { "1m": "1s" });
  expect(await child.exited).toBe(0);

  const [exporter] = podOf(find(base, "Deployment", "pdoflow-exporter")).containers;
  const { child: second, port, probe } = await start(cli, exporter);
  await until("a ready exporter", async () => (await probe("readiness")) === 200);
  expect(await probe("liveness")).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain("pdoflow_queue_jobs");
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);

  const [migrate] = podOf(find(base, "Job", "pdoflow-migrate")).containers;
  expect((await cli.run(...migrate.args)).code).toBe(0);
}, 240_000);

const composes = "/usr/bin/docker-compose";
const hasCompose = await hasDebian(["docker-compose"], [composes]);
if (!hasCompose) console.error("The compose file is not checked: that needs root and apt-get.");

test.if(hasCompose)("docker-compose accepts the compose file, whose pool has time to end", () => {
  const file = join(import.meta.dir, "../../../deploy/compose/compose.yaml");
  const { services } = Bun.YAML.parse(readFileSync(file, "utf8")) as {
    services: { pool: { command: string[]; stop_grace_period: string } };
  };
  const { command, stop_grace_period: stop } = services.pool;
  expect([command[command.indexOf("--grace") + 1], stop]).toEqual(["50s", "1m"]);
  const run = Bun.spawnSync([composes, "--file", file, "config", "--quiet"], {
    env: { PATH: process.env["PATH"], UID: "1000", GID: "1000" },
  });
  expect({ code: run.exitCode, said: run.stderr.toString() }).toEqual({ code: 0, said: "" });
});
