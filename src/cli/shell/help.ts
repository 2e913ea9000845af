import type { CommandText, OptionText } from "./reference.ts";

const widthMax = 100;

/** The text of `pdoflow COMMAND --help`. */
export function helpPage(command: CommandText, columns = widthMax): string {
  const width = Math.min(columns, widthMax);
  const { name, summary, operands, details, options, examples } = command;
  return [
    ...wrap(`pdoflow ${name}: ${plain(summary)}`, width, ""),
    "",
    `usage: ${usageOf(name, operands)}`,
    ...details.flatMap((paragraph) => ["", ...wrap(plain(paragraph), width, "")]),
    "",
    "options:",
    ...rows(
      options.map((option) => [optionName(option), plain(option.description)]),
      width,
    ),
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
    "commands:",
    ...rows(
      commands.map(({ name, summary }) => [name, plain(summary)]),
      width,
    ),
    "",
    ...wrap(
      "Run pdoflow COMMAND --help for the options of a command, pdoflow --version for the version.",
      width,
      "",
    ),
    "",
  ].join("\n");
}

/** As in `pdoflow post [options] <file.ts#name> [args.json]`. */
export const usageOf = (name: string, operands: string): string =>
  ["pdoflow", name, "[options]", operands].filter((part) => part !== "").join(" ");

/** As in `-q, --quiet` or `--priority N`. */
export const optionName = ({ names, value }: OptionText): string =>
  `${names.join(", ")}${value === null ? "" : ` ${value}`}`;

/** Without Markdown. */
const plain = (text: string): string => text.replaceAll("`", "");

/** Names with their descriptions beside them, or below them if there is no room. */
function rows(pairs: readonly (readonly [string, string])[], width: number): string[] {
  const longest = Math.max(...pairs.map(([name]) => name.length));
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
