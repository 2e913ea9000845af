/** Commands of Slurm, HyperQueue, GNU parallel and shells, and what they are called here. */
const commands: ReadonlyMap<string, string> = new Map([
  ["submit", "post"],
  ["sbatch", "post"],
  ["add", "post"],
  ["srun", "run"],
  ["parallel", "run"],
  ["worker", "pool"],
  ["work", "pool"],
  ["squeue", "list"],
  ["ls", "list"],
  ["ps", "list"],
  ["show", "status"],
  ["sinfo", "pools"],
  ["scancel", "cancel"],
  ["kill", "cancel"],
  ["hold", "pause"],
  ["output", "logs"],
  ["cat", "logs"],
  ["errors", "failures"],
  ["why", "explain"],
]);

/** Their options, and the options for the same purpose here. */
const options: ReadonlyMap<string, string> = new Map([
  ["-P", "-j"],
  ["--max-procs", "-j"],
  ["--cpus", "-j"],
  ["--eta", "--progress"],
  ["--bar", "--progress"],
  ["--retries", "--max-attempts"],
  ["--crash-limit", "--max-attempts"],
  ["--max-fails", "--max-failures"],
  ["--array", "--each"],
  ["--time", "--timeout"],
  ["--time-limit", "--timeout"],
  ["--begin", "--run-at"],
  ["--job-name", "--name"],
  ["--nice", "--priority"],
  ["--gres", "--needs"],
  ["--delay", "--max-rate"],
  ["--colsep", "--separator"],
  ["--ungroup", "--line-buffer"],
  ["--chdir", "--root"],
  ["--workdir", "--root"],
  ["--table-format", "--json"],
]);

/** The command that another tool calls `word`. */
export const commandElsewhere = (word: string): string | undefined => commands.get(word);

/** The option that another tool calls `name`, if it is one of `known`. */
export function optionElsewhere(name: string, known: readonly string[]): string | undefined {
  const [short = name] = /^-[a-z]/i.exec(name) ?? [];
  const here = options.get(short);
  return here !== undefined && known.includes(here) ? here : undefined;
}
