import type { CommandText, OptionText } from "./reference.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The script that completes command lines of pdoflow in a shell. */
export function completionScript(shell: Shell, commands: readonly CommandText[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](commands);
}

/** `--no-check` too, where the description says that there is one. */
const namesOf = ({ names, description }: OptionText): string[] => [
  ...names,
  ...(/--no-[a-z-]+/.exec(description) ?? []),
];

const firstWords = (commands: readonly CommandText[]): string[] => [
  ...new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")),
];

const secondWords = (commands: readonly CommandText[], first: string): string[] =>
  commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.split(" ")[1] ?? ""] : []));

/** The options of all commands that begin with a word. */
function optionsOf(commands: readonly CommandText[], first: string): OptionText[] {
  const found = commands.filter(({ name }) => name.split(" ")[0] === first);
  const options = found.flatMap(({ options }) => options);
  return [...new Map(options.map((option) => [option.names.join(), option])).values()];
}

function bashScript(commands: readonly CommandText[]): string {
  const cases = firstWords(commands).map((first) => {
    const options = optionsOf(commands, first).flatMap(namesOf).join(" ");
    const words = secondWords(commands, first).join(" ");
    return `    ${first}) options="${options}"; words="${words}" ;;`;
  });
  return `# bash completion for pdoflow: source <(pdoflow completions bash)
_pdoflow() {
  local cur=\${COMP_WORDS[COMP_CWORD]} options="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${firstWords(commands).join(" ")} help --help --version" -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _pdoflow pdoflow
`;
}

/** In single quotes, as all three shells have them. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

function zshScript(commands: readonly CommandText[]): string {
  const described = (name: string, text: string) =>
    quoted(`${name.replaceAll(":", String.raw`\:`)}:${text.replaceAll("`", "")}`);
  const firsts = firstWords(commands).map((first) => {
    const texts = commands.filter(({ name }) => name.split(" ")[0] === first);
    return described(first, texts.map(({ summary }) => summary).join("; "));
  });
  const cases = firstWords(commands).map((first) => {
    const options = optionsOf(commands, first).flatMap((option) =>
      namesOf(option).map((name) => described(name, option.description)),
    );
    const words = secondWords(commands, first).map(quoted).join(" ");
    return `    ${first}) options=(${options.join(" ")}); words_=(${words}) ;;`;
  });
  return `#compdef pdoflow
# zsh completion for pdoflow: source <(pdoflow completions zsh)
_pdoflow() {
  local -a options words_ firsts
  firsts=(${firsts.join(" ")})
  if (( CURRENT == 2 )); then
    _describe command firsts
    return
  fi
  case $words[2] in
${cases.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe option options
  elif (( CURRENT == 3 && $#words_ > 0 )); then
    _describe command words_
  else
    _files
  fi
}
if [[ $funcstack[1] == _pdoflow ]]; then _pdoflow "$@"; else compdef _pdoflow pdoflow; fi
`;
}

function fishScript(commands: readonly CommandText[]): string {
  const lines = firstWords(commands).flatMap((first) => {
    const texts = commands.filter(({ name }) => name.split(" ")[0] === first);
    const summary = texts.map((text) => text.summary).join("; ");
    const seen = `-n ${quoted(`__fish_seen_subcommand_from ${first}`)}`;
    return [
      `complete -c pdoflow -n __fish_use_subcommand -f -a ${first} -d ${fishText(summary)}`,
      ...secondWords(commands, first).map((word) => `complete -c pdoflow ${seen} -f -a ${word}`),
      ...optionsOf(commands, first).flatMap((option) =>
        namesOf(option).map((name) => {
          const flag = name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
          const value = option.value === null ? "" : " -r";
          return `complete -c pdoflow ${seen} ${flag}${value} -d ${fishText(option.description)}`;
        }),
      ),
    ];
  });
  return `# fish completion for pdoflow: pdoflow completions fish | source\n${lines.join("\n")}\n`;
}

const fishText = (text: string): string =>
  `'${text.replaceAll("`", "").replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
