import { Command, type CommandClass } from "clipanion";

import { optionList } from "../../domain/posting-options.ts";
import type { CliContext, Commands } from "./context.ts";

/** An option in help, manual, docs and completions. */
export interface OptionText {
  /** As in ["-q", "--quiet"]. */
  names: readonly string[];
  /** The name of its value, such as N; null if it takes none. */
  value: string | null;
  description: string;
  /** Whether it can be given several times. */
  isList: boolean;
}

/** The description of a command, from which help, manual, docs and completions are made. */
export interface CommandText {
  /** As in "status", or "vars set". */
  name: string;
  summary: string;
  /** Paragraphs in Markdown, each without line breaks. */
  details: readonly string[];
  /** The operands, such as `<file.ts#name> [args.json]`. */
  operands: string;
  options: readonly OptionText[];
  examples: readonly (readonly [what: string, line: string])[];
}

/** The usage category of commands that exist only for scripts of the Python original. */
export const pythonParity = "Python parity";

/** The texts of all commands except those of {@link pythonParity}, which only --help shows. */
export async function allCommandTexts(commands: Commands): Promise<CommandText[]> {
  const classes = (await Promise.all(Object.values(commands).map((load) => load()))).flat();
  return classes.filter(({ usage }) => usage?.category !== pythonParity).flatMap(commandTexts);
}

/** The text of a command; none for an internal command. */
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

/** The options and operands that the fields of a command register with clipanion. */
function definitionsOf(command: CommandClass<CliContext>) {
  const name = command.paths?.[0]?.join(" ") ?? "";
  const options: OptionText[] = [];
  const operands: string[] = [];
  const builder = {
    addOption: (option: NewOption, isList: boolean) => {
      if (option.hidden !== true) options.push({ ...optionText(option, name), isList });
    },
    addPositional: ({ name, required }: NewOperand) =>
      operands.push(required === false ? `[${name}]` : `<${name}>`),
    addRest: ({ name, required }: NewOperand) =>
      operands.push(Number(required) > 0 ? `<${name}>...` : `[${name}...]`),
    addProxy: ({ name }: NewOperand) => operands.push(`[${name}...]`),
  };
  const fields: object = new command();
  for (const [key, field] of Object.entries(fields)) {
    if (!isOption(field)) continue;
    const isList = Array.isArray(field.transformer(builder, key, { options: [], positionals: [] }));
    const addOption = (option: NewOption) => builder.addOption(option, isList);
    field.definition({ ...builder, addOption }, key);
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

/** A field of a command, before clipanion has read a command line. */
interface OptionField {
  definition(builder: object, key: string): void;
  /** The value of the field, here of a line without options. */
  transformer(builder: object, key: string, line: object): unknown;
}

const isOption = (field: unknown): field is OptionField =>
  typeof field === "object" && field !== null && Command.isOption in field;

const paragraphs = (text: string): string[] =>
  text
    .replaceAll("$0", "pdoflow")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "");

function optionText({ names, description = "", arity = 0 }: NewOption, command: string) {
  const name = names.at(-1) ?? "";
  const value = valueNames[`${command} ${name}`] ?? valueNames[name] ?? "VALUE";
  return { names, value: arity === 0 ? null : value, description };
}

const duration = "DURATION";
/** The names of option values, also of one command; the default is VALUE. */
const valueNames: Readonly<Record<string, string>> = {
  ...Object.fromEntries(optionList.flatMap(({ flag }) => (flag ? [[flag.name, flag.value]] : []))),
  "--after": "POSTING",
  "--after-any": "POSTING",
  "--after-failed": "POSTING",
  "--after-start": "POSTING",
  "--after-each": "POSTING",
  "--allow": "PATTERN",
  "--arg": "TEXT",
  "--args": "WORDS",
  "--color": "WHEN",
  "--before": "N",
  "--database": "URL",
  "--delay": "SECONDS",
  "--each": "LIST",
  "--env": "NAMES",
  "--format": "FORMAT",
  "--from-glob": "PATTERN",
  "--gather": "POSTING",
  "--over": "POSTING",
  "--expand": "POSTING",
  "--group": "FINGERPRINT",
  "--host": "HOST",
  "--halt": "WHEN,CONDITION",
  "--idle-timeout": duration,
  "--inspect": "HOST:PORT",
  "--joblog": "FILE",
  "--job-name": "NAME",
  "--kw": "NAME=VALUE",
  "--lifetime": duration,
  "--limit": "N",
  "--max-argument": "SIZE",
  "--max-open": "N",
  "--max-output": "SIZE",
  "--max-pools": "N",
  "--max-result": "SIZE",
  "--max-workers": "N",
  "--na": "WORDS",
  "--older-than": duration,
  "--oldest-every": "N",
  "--pool": "N",
  "--posters": "LIST",
  "--posting": "POSTING",
  "--priority-column": "NAME",
  "--profile": "P%",
  "--resource": "NAME[=VALUE]",
  "--reason": "TEXT",
  "--recycle-above": "SIZE",
  "--recycle-after": "N",
  "--heartbeat-timeout": duration,
  "--on-database-lost": "stop|finish",
  "--reduce": "N",
  "--resume": "POSTING",
  "--role": "ROLE",
  "--root": "FOLDER",
  "--separator": "CHARACTER",
  "--set": "NAME=VALUE",
  "--slots": "N",
  "--share": "WEIGHT",
  "--sign": "FILE",
  "--state": "STATE",
  "--theme": "THEME",
  "--to": "FOLDER",
  "--tolerate": "N|P%",
  "--trust": "FOLDER",
  "--types": "LIST",
  "--until": "P%",
  "--with": "JSON",
  "--worker-user": "USER",
  "schedule add --zone": "ZONE",
  "schedule add --jitter": duration,
  "schedule add --overlap": "WHAT",
  "schedule add --missed": "WHAT",
  "schedule add --until": "TIME",
  "schedule backfill --from": "TIME",
  "schedule backfill --to": "TIME",
  "schedule next --zone": "ZONE",
};
