// Two PostgreSQL servers under Patroni, with etcd, behind HAProxy: as Debian packages them.
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as v from "valibot";

import { signal } from "../chaos/processes.ts";
import { hasDebian } from "../debian-packages.ts";
import { freePort } from "../free-port.ts";

const programs = "/usr/lib/postgresql";
const packages = ["patroni", "python3-etcd", "etcd-server", "haproxy", "postgresql"];
const needed = ["/usr/bin/patroni", "/usr/bin/etcd", "/usr/sbin/haproxy", programs];
const isRoot = process.getuid?.() === 0;

/** Whether everything is there; as root, installs what is not. */
export const hasPatroni = (): Promise<boolean> => hasDebian(packages, needed);

type Name = "a" | "b";

const ClusterState = v.object({
  members: v.array(v.object({ role: v.string(), state: v.string() })),
});

interface Node {
  name: Name;
  restPort: number;
  port: number;
  data: string;
  patroni: Bun.Subprocess;
}

/** A running cluster. */
export interface Cluster extends AsyncDisposable {
  /** The address of HAProxy, which leads to the primary. */
  url: string;
  primary(): Promise<Name>;
  /** Whether commits wait for the standby. */
  setSynchronous(isOn: boolean): Promise<void>;
  switchover(): Promise<void>;
  /** Kills the primary and its Patroni; resolves when the standby has taken over. */
  killPrimary(): Promise<void>;
  /** From now on the standby gets nothing, and what the primary acknowledges can be lost. */
  cutReplication(): Promise<void>;
  /** Starts the killed node again, as a standby; resolves when it streams. */
  revive(): Promise<void>;
}

export async function openCluster(): Promise<Cluster> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-ha-"));
  chmodSync(root, 0o777);
  const [etcdPort, peerPort, proxyPort] = [await freePort(), await freePort(), await freePort()];
  const running = new Set<Bun.Subprocess>();
  const start = (command: string[]) => {
    const own = isRoot ? ["runuser", "-u", "postgres", "--", ...command] : command;
    const log = Bun.file(join(root, `log-${running.size}`));
    const child = Bun.spawn(own, { cwd: root, stdio: ["ignore", log, log] });
    running.add(child);
    return child;
  };
  const peer = `http://127.0.0.1:${peerPort}`;
  const client = `http://127.0.0.1:${etcdPort}`;
  start([
    ...["etcd", "--data-dir", join(root, "etcd"), "--enable-v2=true", "--unsafe-no-fsync"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`],
  ]);
  const names = ["a", "b"] as const;
  const nodes = new Map<Name, Node>();
  for (const name of names) {
    const node = {
      ...{ name, data: join(root, name) },
      ...{ restPort: await freePort(), port: await freePort() },
    };
    const file = join(root, `${name}.json`);
    writeFileSync(file, configOf(node, { etcdPort, root }));
    nodes.set(name, { ...node, patroni: start(["patroni", file]) });
  }
  const servers = [...nodes.values()].map(
    ({ name, port, restPort }) =>
      `  server ${name} 127.0.0.1:${port} check port ${restPort} on-marked-down shutdown-sessions`,
  );
  const proxy = join(root, "haproxy.cfg");
  writeFileSync(
    proxy,
    `defaults\n  mode tcp\n  timeout connect 4s\n  timeout client 30m\n  timeout server 30m\n` +
      `listen primary\n  bind 127.0.0.1:${proxyPort}\n  option httpchk GET /primary\n` +
      `  default-server inter 500ms fall 1 rise 1\n${servers.join("\n")}\n`,
  );
  start(["haproxy", "-f", proxy, "-db"]);

  const rest = async ({ restPort }: Node, path: string, body?: unknown) =>
    await fetch(`http://127.0.0.1:${restPort}/${path}`, {
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      method: body === undefined ? "GET" : path === "config" ? "PATCH" : "POST",
    }).catch(() => null);
  const isPrimary = async (node: Node) => (await rest(node, "primary"))?.status === 200;
  const node = (name: Name): Node => {
    const found = nodes.get(name);
    if (!found) throw new Error(`no node ${name}`);
    return found;
  };
  const primary = () =>
    eventually("a primary", async () => {
      for (const name of names) if (await isPrimary(node(name))) return name;
      return null;
    });
  const other = (name: Name): Name => (name === "a" ? "b" : "a");
  const state = async () => {
    const answer = await rest(node(await primary()), "cluster");
    return answer === null ? [] : v.parse(ClusterState, await answer.json()).members;
  };
  const hasStandby = (role: RegExp) =>
    eventually(`a standby that is ${role.source}`, async () =>
      (await state()).some((m) => role.test(m.role) && /running|streaming/.test(m.state))
        ? true
        : null,
    );
  const asPostgres = (name: Name, statement: string) => {
    const { port } = node(name);
    const psql = ["psql", "-h", root, "-p", String(port), "-U", "postgres", "-Atc", statement];
    return Bun.spawnSync(isRoot ? ["runuser", "-u", "postgres", "--", ...psql] : psql);
  };
  let killed: Name = "b";
  const first = await primary();
  await hasStandby(/^replica$/);
  asPostgres(first, "create database pdoflow");
  return {
    url: `postgres://postgres@127.0.0.1:${proxyPort}/pdoflow`,
    primary,
    async setSynchronous(isOn) {
      await rest(node(await primary()), "config", { synchronous_mode: isOn });
      await hasStandby(isOn ? /^sync_standby$/ : /^replica$/);
    },
    async switchover() {
      const leader = await primary();
      await rest(node(leader), "switchover", { leader, candidate: other(leader) });
      await eventually("the switch", async () => ((await primary()) === leader ? null : true));
      await hasStandby(/standby|replica/);
    },
    async killPrimary() {
      killed = await primary();
      const { data, patroni } = node(killed);
      const [pid] = (await Bun.file(join(data, "postmaster.pid")).text()).split("\n");
      // Of runuser, the child is Patroni. The children of the server end with it.
      const doomed = [...childrenOf(patroni.pid), patroni.pid, Number(pid)];
      for (const each of [...doomed, ...childrenOf(Number(pid))]) signal(each, "SIGKILL");
      await eventually("the standby to take over", async () =>
        (await isPrimary(node(other(killed)))) ? true : null,
      );
    },
    async cutReplication() {
      const leader = await primary();
      const hba = join(node(leader).data, "pg_hba.conf");
      writeFileSync(hba, `local all all trust\nhost all postgres 127.0.0.1/32 trust\n`);
      await eventually("no standby to be connected", async () => {
        asPostgres(leader, "select pg_reload_conf()");
        asPostgres(leader, "select pg_terminate_backend(pid) from pg_stat_replication");
        const count = asPostgres(leader, "select count(*) from pg_stat_replication");
        return await Promise.resolve(count.stdout.toString().trim() === "0" ? true : null);
      });
    },
    async revive() {
      const one = node(killed);
      nodes.set(killed, { ...one, patroni: start(["patroni", join(root, `${killed}.json`)]) });
      await hasStandby(/standby|replica/);
    },
    async [Symbol.asyncDispose]() {
      for (const { patroni } of nodes.values()) patroni.kill("SIGTERM");
      await Promise.race([
        Promise.all([...nodes.values()].map(({ patroni }) => patroni.exited)),
        Bun.sleep(15_000),
      ]);
      for (const child of running) child.kill("SIGTERM");
      await Promise.race([Promise.all([...running].map(({ exited }) => exited)), Bun.sleep(5_000)]);
      if (process.env["PDOFLOW_TEST_KEEP"]) return;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function childrenOf(pid: number | undefined): number[] {
  const ps = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)])
    .stdout.toString()
    .trim();
  return ps === "" ? [] : ps.split(/\s+/).map(Number);
}

/** The newest PostgreSQL that Debian has installed. */
const binOf = () =>
  join(programs, readdirSync(programs).toSorted((a, b) => Number(b) - Number(a))[0] ?? "", "bin");

/** JSON is YAML, too. Patroni's times are its defaults, divided by three. */
const configOf = (
  { name, restPort, port, data }: Omit<Node, "patroni">,
  { etcdPort, root }: { etcdPort: number; root: string },
) =>
  JSON.stringify({
    scope: "pdoflow",
    name,
    restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
    etcd: { hosts: `127.0.0.1:${etcdPort}` },
    bootstrap: {
      dcs: {
        ...{ ttl: 20, loop_wait: 3, retry_timeout: 5, maximum_lag_on_failover: 1_000_000_000 },
        postgresql: { use_pg_rewind: true, parameters: { wal_log_hints: "on", fsync: "off" } },
      },
      initdb: [{ encoding: "UTF8" }, "data-checksums"],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: data,
      bin_dir: binOf(),
      pgpass: join(root, `pgpass-${name}`),
      authentication: {
        superuser: { username: "postgres" },
        replication: { username: "postgres" },
      },
      parameters: { unix_socket_directories: root },
      pg_hba: [
        ...["local all all trust", "host all all 127.0.0.1/32 trust"],
        "host replication all 127.0.0.1/32 trust",
      ],
    },
  });

export async function eventually<T>(what: string, work: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const found = await work();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`expected ${what} within two minutes`);
    await Bun.sleep(100);
  }
}
