import { exitCodes, PdoflowError, messageOf } from "../domain/errors.ts";
import type { Accounts } from "./account.ts";

/** A program of PostgreSQL could not be run, or failed. */
export class ProgramFailed extends PdoflowError {
  override readonly name = "ProgramFailed";
  readonly exitCode = exitCodes.database;
  constructor(program: string, account: string, found: string) {
    super(
      `${program}, run as ${account}, failed: ${found.trim()}\n` +
        `It needs glibc 2.27 or newer, libstdc++, a file system without noexec, and 200 MB of ` +
        `room. Set PDOFLOW_DATA to another folder, or PDOFLOW_DATABASE_URL to a database.`,
    );
  }
}

/** How PostgreSQL's programs are started: as the server's account, without our environment. */
export const serverProcess = ({ caller, server }: Accounts) => ({
  ...(caller.uid === server.uid ? {} : { uid: server.uid, gid: server.gid }),
  cwd: "/",
  env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
});

/**
 * Runs a program of PostgreSQL to its end, with `input` on its standard input.
 *
 * @throws {ProgramFailed} with its output.
 */
export async function run(
  program: string,
  args: readonly string[],
  accounts: Accounts,
  input = "",
): Promise<void> {
  let child;
  try {
    child = Bun.spawn([program, ...args], {
      ...serverProcess(accounts),
      stdin: Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (error) {
    throw new ProgramFailed(program, accounts.server.name, messageOf(error));
  }
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (code !== 0) {
    throw new ProgramFailed(program, accounts.server.name, err || out || `exit code ${code}`);
  }
}
