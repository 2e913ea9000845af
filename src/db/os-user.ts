import { spawnSync } from "node:child_process";

/**
 * Who this process runs as, by name. Asks `id`, which knows the users of LDAP too: Bun's
 * os.userInfo() tells what $USER says. Containers run processes under numbers without a name.
 */
export function osUser(): string {
  const { stdout } = spawnSync("id", ["-un"], { encoding: "utf8", timeout: 5_000 });
  return stdout?.trim() || String(process.getuid?.() ?? "unknown");
}
