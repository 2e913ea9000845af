import { type Account, accountOf } from "../db/settings/os-user.ts";
import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";

/**
 * This process's user and the user that PostgreSQL runs as: two accounts for root, the same one for
 * everyone else.
 */
export interface Accounts {
  caller: Account;
  server: Account;
}

/** This process runs as a uid without a user name. */
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
  constructor(found: string) {
    super(
      `PostgreSQL refuses to run as root, so it needs the account ${serverName}, which could not ` +
        `be added: ${found}. Add it (${addAccount.join(" ")}), run pdoflow as an ordinary user, ` +
        `or set PDOFLOW_DATABASE_URL to a database.`,
    );
  }
}

/**
 * The account that runs root's server. It can change the data, and so make root's pools run its
 * code. Therefore its name is none that others use, such as `postgres` or `nobody`, and not
 * `pdoflow`, a likely name for the user of a pool.
 */
const serverName = "pdoflow-db";
const addAccount = [
  ...["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/"],
  ...["--shell", "/usr/sbin/nologin", serverName],
];
/** Another process may be adding an account: /etc/passwd has a lock. */
const addTries = 20;

/**
 * Finds both accounts. PostgreSQL refuses to run as root, so root's server runs as a separate
 * account, which this adds to the system if it is missing.
 *
 * @throws {UnnamedUser} PostgreSQL's peer authentication needs a user name.
 * @throws {NoServerAccount}
 */
export function findAccounts(paths: ServerPaths): Accounts {
  const caller = accountOf();
  if (!caller) throw new UnnamedUser(paths.uid);
  if (caller.uid !== 0) return { caller, server: caller };
  let found = "there is no command useradd";
  for (let i = 0; i < addTries; i++) {
    const server = accountOf(serverName);
    if (server) return { caller, server };
    if (!Bun.which("useradd")) break;
    const { stderr } = Bun.spawnSync(addAccount, { stdout: "ignore", stderr: "pipe" });
    found = stderr.toString().trim().replaceAll("\n", "; ");
    if (i > 0) Bun.sleepSync(100);
  }
  throw new NoServerAccount(found);
}
