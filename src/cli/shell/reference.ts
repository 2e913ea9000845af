import { Command, type CommandClass } from "clipanion";

import type { CliContext, Commands } from "./context.ts";

/** An option of a command, as people see it. */
export interface OptionText {
  /** As in ["-q", "--quiet"]. */
  names: readonly string[];
  /** What its value is called; null where it takes none. */
  value: string | null;
  description: string;
}

/** All that is said of one command: help, manual, docs and completions are made of it. */
export interface CommandText {
  /** As in "status", or "vars set". */
  name: string;
  summary: string;
  /** Paragraphs in Markdown, a line each. */
  details: readonly string[];
  /** What follows the name: `<file.ts#name> [args.json]`. */
  operands: string;
  options: readonly OptionText[];
  examples: readonly (readonly [what: string, line: string])[];
}

export async function allCommandTexts(commands: Commands): Promise<CommandText[]> {
  const classes = await Promise.all(Object.values(commands).map((load) => load()));
  return classes.flat().flatMap((each) => commandTexts(each));
}

/** One text for a command, or none where it is not to be seen. */
export function commandTexts(command: CommandClass<CliContext>): CommandText[] {
  const { usage } = command;
  if (usage === undefined) return [];
  const { operands, options } = definitionsOf(command);
  return [
    {
      name: (command.paths?.[0] ?? []).join(" "),
      summary: usage.description ?? "",
      details: paragraphs(usage.details ?? ""),
      operands: operands.join(" "),
      options,
      examples: (usage.examples ?? []).map(
        ([what, line]) => [what, line.replaceAll("$0", "pdoflow")] as const,
      ),
    },
  ];
}

/** What the fields of a command tell clipanion when it is registered. */
function definitionsOf(command: CommandClass<CliContext>) {
  const options: OptionText[] = [];
  const operands: string[] = [];
  const builder = {
    addOption: (option: NewOption) => {
      if (option.hidden !== true) options.push(optionText(option));
    },
    addPositional: ({ name, required }: NewOperand) =>
      operands.push(required === false ? `[${name}]` : `<${name}>`),
    addRest: ({ name, required }: NewOperand) =>
      operands.push(Number(required) > 0 ? `<${name}>...` : `[${name}...]`),
    addProxy: ({ name }: NewOperand) => operands.push(`[${name}...]`),
  };
  const fields: object = new command();
  for (const [key, field] of Object.entries(fields)) {
    if (isOption(field)) field.definition(builder, key);
  }
  return { options, operands };
}

interface NewOption {
  names: readonly string[];
  description?: string;
  arity?: number;
  hidden?: boolean;
}

interface NewOperand {
  name: string;
  required?: boolean | number;
}

const isOption = (
  field: unknown,
): field is { definition: (builder: object, key: string) => void } =>
  typeof field === "object" && field !== null && Command.isOption in field;

const paragraphs = (text: string): string[] =>
  text
    .replaceAll("$0", "pdoflow")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "");

function optionText({ names, description = "", arity = 0 }: NewOption): OptionText {
  const name = names.at(-1) ?? "";
  return { names, value: arity === 0 ? null : (valueNames[name] ?? "VALUE"), description };
}

const duration = "TIME";
/** What the values of options are called, where it is more than VALUE. */
const valueNames: Readonly<Record<string, string>> = {
  "--allow": "PATTERN",
  "--backoff": duration,
  "--color": "WHEN",
  "--database": "URL",
  "--env": "NAMES",
  "--format": "FORMAT",
  "--grace": duration,
  "--idle-timeout": duration,
  "--keep": duration,
  "--key": "KEY",
  "--lifetime": duration,
  "--limit": "N",
  "--max-failures": "N|P%",
  "--max-rate": "N/TIME",
  "--max-running": "N",
  "--max-workers": "N",
  "--name": "NAME",
  "--needs": "LIST",
  "--older-than": duration,
  "--oldest-every": "N",
  "--output": "WHICH",
  "--posters": "LIST",
  "--priority": "N",
  "--provides": "LIST",
  "--reason": "TEXT",
  "--recycle-above": "SIZE",
  "--recycle-after": "N",
  "--heartbeat-timeout": duration,
  "--root": "FOLDER",
  "--state": "STATE",
  "--stop-after": "N",
  "--timeout": duration,
  "--max-attempts": "N",
};
