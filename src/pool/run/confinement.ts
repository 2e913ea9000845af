import { dlopen, FFIType, ptr } from "bun:ffi";

import { type Account, accountOf } from "../../db/settings/os-user.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The operating system user that workers become. */
export interface WorkerUser extends Account {
  home: string;
}

/** Workers cannot become the requested user. */
export class NoConfinement extends PdoflowError {
  override readonly name = "NoConfinement";
  readonly exitCode = exitCodes.usage;
}

// From sys/prctl.h and sys/resource.h of Linux, the same on x64 and arm64.
const setDumpable = 4;
const setNoNewPrivileges = 38;
const limitCore = 4;

/**
 * Makes this process another user permanently, before it loads any user code, without core files
 * and without new privileges for its children.
 *
 * @throws {NoConfinement} with the failed step: then no user code may run.
 */
export function becomeUser(user: WorkerUser): void {
  const { symbols } = libc();
  must(symbols.setrlimit(limitCore, ptr(new BigUint64Array([0n, 0n]))) === 0, "no core files");
  must(symbols.prctl(setNoNewPrivileges, 1n, 0n, 0n, 0n) === 0, "no new privileges");
  process.setgroups?.([user.gid]);
  process.setgid?.(user.gid);
  process.setuid?.(user.uid);
  const isThem = process.getuid?.() === user.uid && process.getgid?.() === user.gid;
  must(isThem && process.getgroups?.().every((id) => id === user.gid), `to be ${user.name}`);
  // Otherwise its own /proc/self would belong to root.
  must(symbols.prctl(setDumpable, 1n, 0n, 0n, 0n) === 0, "its own /proc/self");
}

function must(isDone: boolean | undefined, what: string): void {
  if (isDone !== true) throw new NoConfinement(`the system cannot give a worker ${what}`);
}

const libc = () =>
  dlopen("libc.so.6", {
    setrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    prctl: {
      args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64],
      returns: FFIType.i32,
    },
  });

/**
 * The user of that name, as `id` and `getent` know it.
 *
 * @throws {NoConfinement} there is none, or this process is not root and cannot become that user.
 */
export function findWorkerUser(name: string, uid: number): WorkerUser {
  if (uid !== 0) {
    throw new NoConfinement(
      `--worker-user ${name}: only root can become another user, and this is uid ${uid}. Start ` +
        `the pool as root, or as ${name} without the option.`,
    );
  }
  const found = accountOf(name);
  if (found === undefined || found.uid === 0) {
    throw new NoConfinement(
      `--worker-user ${name}: expected a user of this system other than root, found ` +
        (found === undefined ? "none of that name" : "root"),
    );
  }
  const entry = Bun.spawnSync(["getent", "passwd", found.name], { stderr: "ignore" });
  const home = entry.stdout.toString().split(":")[5] ?? "/";
  return { ...found, home };
}

/** The variables that name the user. */
export const environmentOf = ({ name, home }: WorkerUser): Record<string, string> => ({
  USER: name,
  LOGNAME: name,
  HOME: home,
});
