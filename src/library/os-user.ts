import { userInfo } from "node:os";

/** Who this process runs as. Containers run processes under numbers that no account has. */
export function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}
