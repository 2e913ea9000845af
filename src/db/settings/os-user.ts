import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

let known: { uid: number | undefined; name: string } | null = null;

/**
 * The name of the user of this process; Bun's os.userInfo() returns $USER. Looks it up once.
 * Containers run processes under numbers without a name.
 */
export function osUser(): string {
  const uid = process.geteuid?.();
  if (known?.uid !== uid || !known) {
    known = { uid, name: localUser(uid) ?? userOfDirectory() ?? String(uid ?? "unknown") };
  }
  return known.name;
}

/** The user in the file of this machine. To run `id` would stop this process for 3 ms or more. */
function localUser(uid: number | undefined): string | undefined {
  try {
    const users = readFileSync("/etc/passwd", "utf8").split("\n");
    return users.map((line) => line.split(":")).find(([, , id]) => id === String(uid))?.[0];
  } catch {
    return undefined; // there is no such file, as on Windows
  }
}

/** As `id` knows the user, for example from LDAP. */
function userOfDirectory(): string | undefined {
  const { stdout } = spawnSync("id", ["-un"], { encoding: "utf8", timeout: 5_000 });
  return stdout?.trim() || undefined;
}

/** A user of the operating system. */
export interface Account {
  uid: number;
  gid: number;
  name: string;
}

/** The account of a user, or of this process, as `id` knows it. */
export function accountOf(...user: [name: string] | []): Account | undefined {
  const { stdout } = spawnSync("id", user, { encoding: "utf8", timeout: 5_000 });
  const [, uid, name = "", gid] = /^uid=(\d+)\(([^)]+)\) gid=(\d+)/.exec(stdout ?? "") ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid), name };
}
