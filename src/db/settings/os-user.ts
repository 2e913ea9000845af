import { spawnSync } from "node:child_process";

let known: { uid: number | undefined; name: string } | null = null;

/**
 * The name of the user of this process. Asks `id`, which also knows LDAP users: Bun's os.userInfo()
 * returns $USER. Asks once: it takes 2 ms, half the time of posting one job. Containers run
 * processes under numbers without a name.
 */
export function osUser(): string {
  const uid = process.getuid?.();
  if (known?.uid !== uid || !known) {
    const { stdout } = spawnSync("id", ["-un"], { encoding: "utf8", timeout: 5_000 });
    known = { uid, name: stdout?.trim() || String(uid ?? "unknown") };
  }
  return known.name;
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
