// deploy/container: built by a real buildah, run by a real podman, against a real queue.
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { hasPodman, importBase, openPodman, openSocket } from "./podman.ts";
import { showThreeFacts } from "./three-facts.ts";

const containerfile = join(import.meta.dir, "../../deploy/container/Containerfile");
const isHere = await hasPodman();
if (!isHere) console.error("No tests with containers: they need root, and apt-get or podman.");

test.if(isHere)(
  "containers: 200 jobs run, podman stop costs no attempt, and jobs of a killed pool run again",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using podman = await openPodman();
    const sockets = join(podman.folder, "sockets");
    using socket = await openSocket(sockets, db.url);
    chmodSync(cli.folder, 0o755);
    const [program = ""] = cli.command;
    await importBase(podman, program, "base");
    const image = ["--build-arg=BASE=localhost/base", `--file=${containerfile}`, "--tag=pdoflow"];
    await podman.build("--format=docker", ...image, dirname(program));
    const options = [
      ...["--network=none", `--volume=${sockets}:/run/postgresql`],
      `--env=PDOFLOW_DATABASE_URL=${socket.url}`,
    ];
    const safe = ["--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--memory=512m", "--cpus=1.5"];
    const code = [`--volume=${cli.folder}:/srv/pdoflow:ro`];
    const flags = ["--health", "9470", "--grace", "8s", "--heartbeat-timeout", "3s"];
    const run = (...args: string[]) =>
      podman.must(
        "run",
        ...options,
        ...safe,
        ...code,
        ...args.slice(0, 1),
        "pdoflow",
        ...args.slice(1),
      );

    const list = await podman.must("run", "--rm", ...options, "pdoflow", "list", "--json");
    expect(JSON.parse(list)).toMatchObject({ postings: [] });
    await showThreeFacts(db, cli, async () => {
      const id = await run("--detach", "pool", ...flags);
      await until("a pool", async () => {
        const up = await db.sql`select from pdoflow.pool where state = 'up'`;
        return up.length > 0;
      });
      await until("a healthy container", async () => {
        return (await podman.run("healthcheck", "run", id)).code === 0;
      });
      return {
        async stop() {
          await podman.must("stop", "--time=30", id);
          return Number(await podman.must("wait", id));
        },
        kill: async () => void (await podman.must("kill", "--signal=KILL", id)),
      };
    });
    const pools = await db.sql`select distinct os_user, slots from pdoflow.pool`;
    expect([...pools]).toEqual([{ osUser: "65532", slots: 2 }]);
  },
  400_000,
);
