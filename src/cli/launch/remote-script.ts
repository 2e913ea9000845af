import { shellWord } from "../../domain/shell-word.ts";

/** The task of a host: start a pool, report on one, or report whether one could start. */
export type HostTask = "start" | "status" | "check";

export interface RemotePool {
  /** The command that starts PDOFLOW there, a path or a name on its PATH. */
  program: string;
  /** The folder to which entry points are relative, relative to the home folder; null for that. */
  root: string | null;
  /** The name of its files there. */
  name: string;
  /** Options of `pdoflow pool`. */
  options: readonly string[];
  /** The address of the database; null for the settings of the host. */
  url: string | null;
}

/** Begins the answer of a script. A shell may print text before it, from its start files. */
export const answerMark = "pdoflow answers: ";

/**
 * A script for a POSIX shell, to be sent to its stdin: so nothing of it is in a list of arguments.
 * It prints {@link answerMark}, one of `started`, `there`, `free`, `ok` or `failed`, and a text.
 *
 * A pool holds a lock while it runs, so the shell knows whether the last one still does. `flock -o`
 * keeps the lock from the children of jobs.
 */
export function remoteScript(task: HostTask, pool: RemotePool): string {
  const { program, root, name, options, url } = pool;
  const words = [program, "pool", ...options].map(shellWord).join(" ");
  return `main() {
umask 077
${url === null ? "" : `PDOFLOW_DATABASE_URL=${shellWord(url)}; export PDOFLOW_DATABASE_URL`}
program=${shellWord(program)}
root=${shellWord(root ?? ".")}
state=\${XDG_STATE_HOME:-"$HOME/.local/state"}/pdoflow
log=$state/${name}.log
lock=$state/${name}.lock
answer() { echo "${answerMark}$*"; exit 0; }
fail() { answer failed "$1"; }
for needed in flock setsid "$program"; do
  command -v "$needed" >/dev/null || fail "expected the program $needed, found none on the PATH"
done
cd -- "$root" || fail "expected the folder $root, found none"
mkdir -p "$state" || fail "expected to write to $state"
${tasks[task](words)}
}
main
`;
}

const tasks: Readonly<Record<HostTask, (words: string) => string>> = {
  status: () => `flock -n "$lock" true && answer free || answer there`,
  check: () => `
said=$("$program" pools 2>&1 >/dev/null) || fail "$said"
answer ok "$("$program" --version)"`,
  start: (words) => `
flock -n "$lock" true || answer there
: >>"$log"
before=$(wc -c <"$log")
setsid flock -n -o "$lock" ${words} </dev/null >>"$log" 2>&1 &
for i in $(seq 300); do
  kill -0 $! 2>/dev/null && ended= || ended=yes # first: what it says at its end is read, too
  said=$(tail -c "+$((before + 1))" "$log")
  case $said in
    *'pool: '[1-9]*' worker'*', root '*) answer started "$log" ;;
  esac
  [ -z "$ended" ] || fail "$said"
  sleep 0.1
done
fail "expected the pool to start within 30 seconds, found: $said"`,
};
