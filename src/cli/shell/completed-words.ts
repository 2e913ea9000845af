import type { CommandText, OptionText } from "./reference.ts";

/** Includes `--no-check` if the description mentions it. */
export const namesOf = ({ names, description }: OptionText): string[] => [
  ...names,
  ...(/--no-[a-z-]+/.exec(description) ?? []),
];

export const firstWords = (commands: readonly CommandText[]): string[] => [
  ...new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")),
];

export const secondWords = (commands: readonly CommandText[], first: string): string[] => [
  ...commands.flatMap(({ name }) =>
    name.startsWith(`${first} `) ? [name.split(" ")[1] ?? ""] : [],
  ),
  ...operandWords(commands, first),
];

/** The values of an option, if its description lists them: "auto, always or never". */
export const choicesOf = ({ value, description }: OptionText): string[] => {
  const [list] = /(?:[a-z_]+, )+[a-z_]+ or [a-z_]+/.exec(description) ?? [];
  return value === null || list === undefined ? [] : list.split(/, | or /);
};

/** For each shell pattern of "command option", the values of the option. */
export function choiceCases(commands: readonly CommandText[]): [pattern: string, words: string][] {
  const found = firstWords(commands).flatMap((first) =>
    optionsOf(commands, first).flatMap((option) =>
      option.names.map((name) => ({ first, name, words: choicesOf(option).join(" ") })),
    ),
  );
  return [...Map.groupBy(found, ({ name }) => name)].flatMap(([name, all]) =>
    [...Map.groupBy(all, ({ words }) => words)].flatMap(([words, some]): [string, string][] => {
      const each = some.map(({ first }) => `"${first} ${name}"`).join("|");
      return words === "" ? [] : [[some.length === all.length ? `*" ${name}"` : each, words]];
    }),
  );
}

/** The values of an operand such as `<bash|zsh|fish>`. */
const operandWords = (commands: readonly CommandText[], first: string): string[] => {
  const operands = commands.find(({ name }) => name === first)?.operands ?? "";
  return /<([a-z]+(?:\|[a-z]+)+)>/.exec(operands)?.[1]?.split("|") ?? [];
};

/** What the operands of a command are, if the program can list them. */
export function listOf(
  commands: readonly CommandText[],
  first: string,
): "postings" | "pools" | "flows" | null {
  const hasFlow = commands.some(
    ({ name, operands }) => name.startsWith(`${first} `) && operands.includes("<flow>"),
  );
  if (hasFlow) return "flows";
  if (takes(commands, first, /\bpool\b/)) return "pools";
  return takes(commands, first, /posting/) ? "postings" : null;
}

/** Whether a command takes an entry point. */
export const takesEntry = (commands: readonly CommandText[], first: string): boolean =>
  takes(commands, first, /file\.ts#name/);

/** The options whose values are postings, as "command option". */
export const postingOptions = [
  "pool --posting",
  "run --resume",
  "post --after",
  "post --after-any",
  "post --after-failed",
  "post --after-start",
  "post --after-each",
  "post --gather",
  "post --over",
] as const;

/** Whether the operands of a command match. */
const takes = (commands: readonly CommandText[], first: string, operand: RegExp): boolean =>
  commands.some(({ name, operands }) => name === first && operand.test(operands));

/** The options of all commands that begin with a word. */
export function optionsOf(commands: readonly CommandText[], first: string): OptionText[] {
  const found = commands.filter(({ name }) => name.split(" ")[0] === first);
  const options = found.flatMap(({ options }) => options);
  return [...new Map(options.map((option) => [option.names.join(), option])).values()];
}

/** In single quotes, which work in all three shells. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
