import { existsSync, statSync } from "node:fs";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerPlace } from "../domain/server-place.ts";

/** A user of the operating system. */
export interface Account {
  uid: number;
  gid: number;
  name: string;
}

/** Who we are and who PostgreSQL runs as: two accounts for root, one for everybody else. */
export interface Accounts {
  caller: Account;
  server: Account;
}

/** This process runs as a uid that the system has no name for. */
export class UnnamedUser extends PdoflowError {
  override readonly name = "UnnamedUser";
  readonly exitCode = exitCodes.database;
  constructor(uid: number) {
    super(
      `The embedded PostgreSQL needs a user with a name, and the command \`id\` knows none for ` +
        `uid ${uid}. Run as a user of /etc/passwd, or set PDOFLOW_DATABASE_URL to a database.`,
    );
  }
}

/** Root has no account to run PostgreSQL as. */
export class NoServerAccount extends PdoflowError {
  override readonly name = "NoServerAccount";
  readonly exitCode = exitCodes.database;
  constructor() {
    super(
      `PostgreSQL refuses to run as root, and of the accounts ${candidates.join(", ")} none ` +
        `exists here. Add one (useradd --system postgres), run pdoflow as an ordinary user, or ` +
        `set PDOFLOW_DATABASE_URL to a database.`,
    );
  }
}

const candidates = ["postgres", "nobody", "daemon"];

/**
 * Finds both accounts. PostgreSQL refuses to run as root, so root's server runs as the owner of
 * the data or, where there is none yet, as the first of `postgres`, `nobody` and `daemon`.
 *
 * @throws {UnnamedUser} PostgreSQL's peer authentication asks for a user's name.
 * @throws {NoServerAccount}
 */
export function findAccounts(place: ServerPlace): Accounts {
  const caller = lookUp();
  if (!caller) throw new UnnamedUser(place.uid);
  if (caller.uid !== 0) return { caller, server: caller };
  const owners = existsSync(place.data) ? [String(statSync(place.data).uid)] : candidates;
  for (const owner of owners) {
    const server = lookUp(owner);
    if (server) return { caller, server };
  }
  throw new NoServerAccount();
}

/**
 * The account of `who`, or of this process. Asks `id`, which knows the users of LDAP too;
 * os.userInfo() of Bun 1.4 gives $USER or "unknown" as the name.
 */
function lookUp(...who: string[]): Account | undefined {
  if (!Bun.which("id")) return undefined;
  const { stdout } = Bun.spawnSync(["id", ...who], { stderr: "ignore" });
  const found = /^uid=(\d+)\(([^)]+)\) gid=(\d+)/.exec(stdout.toString());
  if (!found) return undefined;
  const [, uid, name = "", gid] = found;
  return { uid: Number(uid), gid: Number(gid), name };
}
