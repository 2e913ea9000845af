import type { CommandText, OptionText } from "./reference.ts";

/** The headings of commands with many options, and the options below each. */
const topics: Readonly<Record<string, readonly string[]>> = {
  input: [
    ...["--format", "--each-line", "--null", "--positional", "--no-header", "--separator", "--na"],
    ...["--types", "--from-glob", "--args", "--no-args", "--kw", "--each", "--link"],
    ...["--priority-column", "--gather", "--reduce", "--over", "--expand", "--with", "--check"],
    ...["--dry-run"],
  ],
  postings: [
    ...["--name", "--posting", "--project", "--root", "--key", "--keep", "--sign", "--pin"],
    ...["--only-mine", "--posters", "--trust", "--allow", "--commands", "--resource"],
    ...["--notify-from"],
  ],
  running: [
    ...["--max-workers", "--priority", "--max-attempts", "--backoff", "--run-at", "--needs"],
    ...["--wait", "--resume", "--once", "--env", "--oldest-every", "--heartbeat-timeout"],
    ...["--recycle-after", "--recycle-above", "--worker-user", "--no-reload", "--pin-cpus"],
    ...["--on-database-lost", "--health", "--health-check", "--metrics-entry-points"],
    ...["--push"],
  ],
  waiting: [
    ...["--after", "--after-any", "--after-failed", "--after-start", "--after-each"],
    ...["--tolerate"],
    ...["--if-blocked", "--deadline", "--start-by", "--on-end", "--on-failure"],
  ],
  limits: [
    ...["--timeout", "--grace", "--max-running", "--max-rate", "--stop-after", "--max-failures"],
    ...["--halt", "--idle-timeout", "--lifetime"],
  ],
  output: [
    ...["--output", "--no-results", "--keep-order", "--line-buffer", "--tag", "--joblog"],
    ...["--profile", "--progress", "--report", "--traceparent", "--otlp", "--trace-share"],
  ],
};

const commonNames = ["--database", "--json", "--color", "--quiet", "--verbose"];

/** The options that the short help of a command shows. */
const essential: Readonly<Record<string, readonly string[]>> = {
  post: [
    ...["--each-line", "--from-glob", "--kw", "--each", "--dry-run", "--name"],
    ...["--priority", "--max-attempts", "--run-at", "--wait", "--after"],
    ...["--timeout", "--output"],
  ],
  run: [
    ...["--each-line", "--from-glob", "--each", "--dry-run"],
    ...["--max-workers", "--max-attempts", "--resume"],
    ...["--timeout", "--stop-after", "--halt", "--output", "--keep-order", "--tag"],
  ],
  pool: [
    ...["--posting", "--name", "--root", "--resource", "--allow", "--commands"],
    ...["--max-workers", "--env", "--once", "--idle-timeout", "--lifetime"],
  ],
};

const nameOf = ({ names }: OptionText): string => names.at(-1) ?? "";

/** Whether all commands have this option (command.ts). */
export const isCommon = (option: OptionText): boolean => commonNames.includes(nameOf(option));

/** Whether `--help` of a command shows only its essential options. */
export const hasShortHelp = (command: string): boolean => Object.hasOwn(essential, command);

/** Whether the short help of a command shows this option. */
export const isEssential = (command: string, option: OptionText): boolean =>
  essential[command]?.includes(nameOf(option)) === true;

/** The options of a command under their headings, in the order of the headings. */
export function grouped({ name, options }: CommandText): Map<string, OptionText[]> {
  const headings = hasShortHelp(name) ? topics : {};
  const headingOf = (option: OptionText) =>
    Object.keys(headings).find((topic) => headings[topic]?.includes(nameOf(option))) ?? "options";
  const byHeading = Map.groupBy(options, (option) =>
    isCommon(option) ? "common options" : headingOf(option),
  );
  return new Map(
    [...Object.keys(headings), "options", "common options"].flatMap((heading) => {
      const members = byHeading.get(heading);
      return members ? [[heading, members] as const] : [];
    }),
  );
}
