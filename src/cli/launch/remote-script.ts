import { embeddedSource } from "../../db/settings/target.ts";
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
  const server = databaseOption(options).map(shellWord).join(" ");
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
${tasks[task](words, server, url === null ? ownServer(server) : "")}
}
main
`;
}

/** The option of a pool that names its database, which the checks of its host need, too. */
function databaseOption(options: readonly string[]): readonly string[] {
  const at = options.findIndex((word) => /^--database(=|$)/.test(word));
  return at < 0 ? [] : options.slice(at, options[at]?.includes("=") === true ? at + 1 : at + 2);
}

/** Refuses a host without settings: its pool would start a server there, and serve that queue. */
const ownServer = (server: string) => `
said=$("$program" config ${server} 2>&1 >/dev/null) || fail "$said"
case $said in *'set by ${embeddedSource}'*)
  fail "expected settings for the database on this host, found none, so that the pool would serve \
the queue of a server of its own. Use --send-url, or write ~/.config/pdoflow/db.conf there" ;;
esac`;

type TaskScript = (words: string, server: string, checksSettings: string) => string;

const tasks: Readonly<Record<HostTask, TaskScript>> = {
  status: () => `flock -n "$lock" true && answer free || answer there`,
  check: (_words, server, checksSettings) => `${checksSettings}
said=$("$program" pools ${server} 2>&1 >/dev/null) || fail "$said"
answer ok "$("$program" --version)"`,
  start: (words, _server, checksSettings) => `
flock -n "$lock" true || answer there${checksSettings}
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
