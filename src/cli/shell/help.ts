import { grouped, hasShortHelp, isEssential } from "./option-groups.ts";
import type { CommandText, OptionText } from "./reference.ts";

const widthMax = 100;

/** What a newcomer types first, in the order of use. */
const firstSteps: readonly (readonly [line: string, what: string])[] = [
  ["pdoflow post f.ts#f a.json", "post jobs (pdoflow run also runs them)"],
  ["pdoflow pool", "run posted jobs on this machine"],
  ["pdoflow status", "show postings and their jobs (pdoflow top: live)"],
  ["pdoflow results last", "print the return values of the newest posting"],
  ["pdoflow failures last", "show why jobs failed (pdoflow retry last: run them again)"],
];

/** The commands of each task, in the order of `pdoflow --help`. */
const tasks: Readonly<Record<string, readonly string[]>> = {
  "post and run jobs": ["post", "run", "pool", "wait", "results", "execute-job", "demo"],
  "run flows and schedules": ["flow", "schedule"],
  "see what happens": [
    "top",
    "status",
    "list",
    "jobs",
    "usage",
    "pools",
    "logs",
    "failures",
    "explain",
    "report",
    "web",
  ],
  "change postings and pools": [
    ...["pause", "resume", "cancel", "retry", "unblock", "set-priority", "set-limit", "drain"],
  ],
  "operate the queue": [
    ...["up", "down", "migrate", "config", "doctor", "depth", "launch", "exporter"],
    ...["profile", "prune", "psql", "grant", "revoke", "keys", "vars", "notify", "completions"],
  ],
};

/**
 * The text of `pdoflow COMMAND --help`: of a command with many options only the essential ones,
 * with the first paragraph and the first examples.
 */
export function shortHelpPage(command: CommandText, columns = widthMax): string {
  const { name, details, options, examples } = command;
  if (!hasShortHelp(name)) return helpPage(command, columns);
  const essential = options.filter((option) => isEssential(name, option));
  const page = helpPage(
    {
      ...command,
      details: details.slice(0, 1),
      options: essential.map((option) => ({
        ...option,
        description: option.description.split(";")[0] ?? "",
      })),
      examples: examples.slice(0, 3),
    },
    columns,
  );
  return `${page}\nAll ${options.length} options: pdoflow ${name} --help-all\n`;
}

/** The text of `pdoflow COMMAND --help-all`. */
export function helpPage(command: CommandText, columns = widthMax): string {
  const width = Math.min(columns, widthMax);
  const { name, summary, operands, details, examples } = command;
  return [
    ...wrap(`pdoflow ${name}: ${plain(summary)}`, width, ""),
    "",
    `usage: ${usageOf(name, operands)}`,
    ...details.flatMap((paragraph) => ["", ...wrap(plain(paragraph), width, "")]),
    ...[...grouped(command)].flatMap(([heading, members]) => [
      "",
      `${heading}:`,
      ...optionRows(members, width),
    ]),
    ...(examples.length === 0 ? [] : ["", "examples:"]),
    ...examples.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`]),
    "",
  ].join("\n");
}

/** The text of `pdoflow --help`. */
export function overviewPage(
  build: string,
  commands: readonly CommandText[],
  columns = widthMax,
): string {
  const width = Math.min(columns, widthMax);
  return [
    ...wrap(`pdoflow ${build}: a job queue for batch compute on PostgreSQL`, width, ""),
    "",
    "usage: pdoflow COMMAND [options]",
    "",
    "first steps:",
    ...rows(firstSteps, width, Math.max(...firstSteps.map(([line]) => line.length))),
    ...Object.entries(tasks).flatMap(([task, words]) => [
      "",
      `${task}:`,
      ...rows(
        words
          .flatMap((word) => commands.filter(({ name }) => name.split(" ")[0] === word))
          .map(({ name, summary }) => [name, plain(summary)]),
        width,
        longestName(commands),
      ),
    ]),
    "",
    ...wrap(
      "Run pdoflow COMMAND --help for the options of a command, pdoflow --version for the version.",
      width,
      "",
    ),
    "",
  ].join("\n");
}

const longestName = (commands: readonly CommandText[]): number =>
  Math.max(...commands.map(({ name }) => name.length));

/** The rows of options in help: their names and descriptions. */
export const optionRows = (options: readonly OptionText[], width: number): string[] =>
  rows(
    options.map((option) => [optionName(option), plain(option.description)]),
    width,
  );

/** As in `pdoflow post [options] <file.ts#name> [args.json]`. */
export const usageOf = (name: string, operands: string): string =>
  ["pdoflow", name, "[options]", operands].filter((part) => part !== "").join(" ");

/** As in `-q, --quiet` or `--priority N`. */
export const optionName = ({ names, value }: OptionText): string =>
  `${names.join(", ")}${value === null ? "" : ` ${value}`}`;

/** Without Markdown. */
const plain = (text: string): string => text.replaceAll("`", "");

/** Names with their descriptions beside them, or below them if there is no room. */
function rows(
  pairs: readonly (readonly [string, string])[],
  width: number,
  longest = Math.max(...pairs.map(([name]) => name.length)),
): string[] {
  const indent = " ".repeat(Math.min(longest, 28, Math.floor(width / 3)) + 4);
  return pairs.flatMap(([name, text]) => {
    const lines = wrap(text, width, indent);
    const head = `  ${name}`;
    if (head.length + 2 > indent.length) return [head, ...lines];
    return [head + (lines[0] ?? "").slice(head.length), ...lines.slice(1)];
  });
}

/** Lines of whole words, each after `indent`. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line];
}
