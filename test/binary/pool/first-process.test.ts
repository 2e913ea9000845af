// The binary as the first process of a container, which has number 1 there.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli, until } from "../cli.ts";

const alone = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];
const isHere = process.platform === "linux" && Bun.spawnSync([...alone, "true"]).success;
if (!isHere) console.error("No tests of the first process: `unshare --pid` takes root here.");

test.if(isHere)(
  "as the first process, a pool removes the orphans of its jobs and stops on SIGTERM",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await cli.write(
      "orphan.ts",
      `
      export async function orphan(i: number) {
        if (i === 7) process.kill(process.pid, "SIGKILL");
        // Ends once its child is in a session of its own and without our environment: a pool stops
        // what a worker that has ended leaves behind, and finds it by these.
        const orphan = ["setsid", "--wait", "/bin/sh", "-c", "(sleep 0.1; echo >> ended) &"];
        await Bun.spawn(["env", "-i", ...orphan]).exited;
      }`,
    );
    const { out } = await cli.run(
      "post",
      "orphan.ts#orphan",
      "--each",
      "1-10",
      "--max-attempts",
      "1",
    );
    await using first = await startAlone(cli, ["pool", "--max-workers", "2"]);
    const ended = join(cli.folder, "ended");
    await until(
      "all orphans to end",
      () => Promise.resolve(existsSync(ended) && readFileSync(ended, "utf8").length === 9),
      25_000,
    );
    await until(
      "no process that has ended",
      () => Promise.resolve(childrenOf(first.pid).every(({ state }) => state !== "Z")),
      10_000,
    );
    process.kill(first.pid, "SIGTERM");
    expect(await first.exited).toBe(0);
    const [counted] =
      await db.sql`select done, failed from pdoflow.posting where id = ${Number(out)}`;
    expect(counted).toEqual({ done: 9, failed: 1 });
  },
  60_000,
);

test.if(isHere)(
  "as the first process, a command that waits for its database stops on SIGTERM",
  async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const connected = new Promise((resolve) => silent.once("connection", resolve));
    const { port } = silent.address() as AddressInfo;
    using cli = await openCli({ url: `postgres://me@127.0.0.1:${port}/db?sslmode=disable` });
    await using first = await startAlone(cli, ["migrate"]);
    await connected;
    process.kill(first.pid, "SIGTERM");
    expect(await first.exited).toBe(128 + 15);
    silent.close();
  },
);

/** Starts the binary as number 1 of a namespace of its own; `pid` is its number in ours. */
async function startAlone(cli: Cli, args: readonly string[]) {
  const unshare = Bun.spawn([...alone, ...cli.command, ...args], {
    ...{ cwd: cli.folder, env: cli.env, stdio: ["ignore", "ignore", "ignore"] },
  });
  const pid = await until("the first process", () =>
    Promise.resolve(childrenOf(unshare.pid).at(0)?.pid),
  );
  return {
    pid,
    exited: unshare.exited,
    async [Symbol.asyncDispose]() {
      unshare.kill("SIGKILL");
      await unshare.exited;
    },
  };
}

function childrenOf(parent: number): { pid: number; state: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = existsSync(`/proc/${name}/stat`) ? statOf(name) : "";
      const [, state = "", ppid] = /\) (\S) (\d+) [^)]*$/.exec(stat) ?? [];
      return Number(ppid) === parent ? [{ pid: Number(name), state }] : [];
    });
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return ""; // gone between the two looks
  }
}
