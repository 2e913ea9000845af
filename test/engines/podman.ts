// Images and containers of podman, as Debian packages it, in a store of the test's own.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hasDebian } from "../debian-packages.ts";

const packages = ["podman", "buildah", "runc", "conmon"];
const needed = packages.map((name) => (name === "runc" ? "/usr/sbin/runc" : `/usr/bin/${name}`));

/** Whether containers can run here, which takes root; installs the packages if need be. */
export const hasPodman = async (): Promise<boolean> =>
  process.getuid?.() === 0 && (await hasDebian(packages, needed));

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface Podman extends AsyncDisposable {
  /** A folder for the files of a test. */
  folder: string;
  /** Runs a command of podman, such as `run`. */
  run(...args: string[]): Promise<Ran>;
  /** The same, for a command that has to succeed; returns its output. */
  must(...args: string[]): Promise<string>;
  build(...args: string[]): Promise<void>;
}

/** The limits of this process, which podman would otherwise try to raise. */
const limits = ["--ulimit=nofile=1024:4096", "--ulimit=nproc=4096:4096"];

export async function openPodman(): Promise<Podman> {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-podman-"));
  const store = [`--root=${folder}/store`, `--runroot=${folder}/run`, "--storage-driver=overlay"];
  const own = [...store, "--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=file"];
  const run = async (program: string, ...args: string[]): Promise<Ran> => {
    const child = Bun.spawn([program, ...args], {
      ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      env: { PATH: process.env["PATH"], HOME: folder },
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, out: out.trim(), err: err.trim() };
  };
  const must = async (program: string, ...args: string[]) => {
    const { code, out, err } = await run(program, ...args);
    if (code === 0) return out;
    throw new Error(`expected ${program} ${args.join(" ")} to succeed, it said: ${err}`);
  };
  return {
    folder,
    run: (command, ...args) =>
      run("podman", ...own, command ?? "", ...(command === "run" ? limits : []), ...args),
    must: (command, ...args) =>
      must("podman", ...own, command ?? "", ...(command === "run" ? limits : []), ...args),
    async build(...args) {
      await must("buildah", ...store, "build", "--isolation=chroot", ...args);
    },
    async [Symbol.asyncDispose]() {
      await run("podman", ...own, "rm", "--all", "--force", "--time=0");
      if (process.env["PDOFLOW_TEST_KEEP"]) return;
      await run("podman", ...own, "rmi", "--all", "--force");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * An image with the libraries of a program, from the Debian that runs this test, and a shell,
 * instead of an image of a registry.
 */
export async function importBase(podman: Podman, program: string, tag: string): Promise<void> {
  const root = join(podman.folder, "base");
  mkdirSync(join(root, "tmp"), { recursive: true });
  const script = `set -eu
    chmod 1777 "$2/tmp"
    cp --parents --dereference $(ldd "$1" /bin/sh | grep --only-matching '/[^ ]*\\.so[^ ]*' |
      sort --unique) /bin/sh "$2"
    tar --create --file "$2.tar" --directory "$2" .`;
  const made = Bun.spawnSync(["/bin/sh", "-c", script, "sh", program, root]);
  if (!made.success) throw new Error(`expected a base, it said: ${made.stderr.toString()}`);
  await podman.must("import", `${root}.tar`, tag);
}

/** A socket in a new folder that leads to a test's database, as any user. */
export async function openSocket(at: string, url: string): Promise<Disposable & { url: string }> {
  const target = new URL(url.replace("postgres:///", "http://host/"));
  const { searchParams: given } = target;
  const host = given.get("host") ?? "";
  const port = given.get("port") ?? "5432";
  const server = createServer((client) => {
    const path = join(host, `.s.PGSQL.${port}`);
    const upstream = host.startsWith("/") ? connect(path) : connect(Number(port), host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  mkdirSync(at);
  const own = join(at, ".s.PGSQL.5432");
  await new Promise<void>((resolve) => server.listen(own, resolve));
  chmodSync(own, 0o666);
  given.set("host", "/run/postgresql");
  given.set("port", "5432");
  return {
    url: `postgres:///${target.pathname.slice(1)}?${given.toString()}`,
    [Symbol.dispose]: () => server.close(),
  };
}
