// Hosts to which ssh leads: this machine, by a server of its own with a key of its own.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../binary/cli.ts";
import { hasDebian } from "../debian-packages.ts";
import { freePort } from "../free-port.ts";

const needed = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"];

/** Whether a server can be started here, which takes root; installs it if need be. */
export const hasSshd = async (): Promise<boolean> =>
  process.getuid?.() === 0 && (await hasDebian(["openssh-server", "openssh-client"], needed));

export interface Sshd extends AsyncDisposable {
  /** A folder with an `ssh` that knows the hosts node1 to node3, and gone, which is down. */
  path: string;
  /** The folder of a host in which its pools have their files. */
  stateOf(host: string): string;
}

/** Each host has files of its own, although all are one machine. */
export async function openSshd(): Promise<Sshd> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-ssh-"));
  const at = (name: string) => join(root, name);
  const stateOf = (host: string) => at(`state-${host}`);
  mkdirSync("/run/sshd", { recursive: true }); // sshd wants it
  mkdirSync(at("bin"));
  for (const name of ["host", "user"])
    Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  const port = await freePort();
  writeFileSync(
    at("sshd_config"),
    `ListenAddress 127.0.0.1:${port}
HostKey ${at("host")}
AuthorizedKeysFile ${at("user.pub")}
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
AcceptEnv XDG_STATE_HOME
`,
  );
  const common = `User root
IdentityFile ${at("user")}
IdentitiesOnly yes
UserKnownHostsFile /dev/null
StrictHostKeyChecking no
LogLevel ERROR
HostName 127.0.0.1
`;
  const hosts = ["node1", "node2", "node3"].map(
    (host) => `Host ${host}\nPort ${port}\nSetEnv XDG_STATE_HOME=${stateOf(host)}\n${common}`,
  );
  const gone = `Host gone\nPort ${await freePort()}\n${common}`;
  writeFileSync(at("ssh_config"), [...hosts, gone].join(""));
  writeFileSync(at("bin/ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F ${at("ssh_config")} "$@"\n`);
  chmodSync(at("bin/ssh"), 0o755);
  const log = Bun.file(at("log"));
  const server = Bun.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", at("sshd_config")], {
    stdio: ["ignore", "ignore", log],
  });
  await until("sshd", () =>
    Promise.resolve(Bun.spawnSync([at("bin/ssh"), "node1", "true"]).exitCode === 0),
  );
  return {
    path: at("bin"),
    stateOf,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}
