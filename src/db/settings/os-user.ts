import { spawnSync } from "node:child_process";

let known: { uid: number | undefined; name: string } | null = null;

/**
 * Who this process runs as, by name. Asks `id`, which knows the users of LDAP too: Bun's
 * os.userInfo() tells what $USER says. Asks once: it takes 2 ms, half of what posting one job does.
 * Containers run processes under numbers without a name.
 */
export function osUser(): string {
  const uid = process.getuid?.();
  if (known?.uid !== uid || !known) {
    const { stdout } = spawnSync("id", ["-un"], { encoding: "utf8", timeout: 5_000 });
    known = { uid, name: stdout?.trim() || String(uid ?? "unknown") };
  }
  return known.name;
}
