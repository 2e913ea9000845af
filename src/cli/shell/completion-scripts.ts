import type { CommandText, OptionText } from "./reference.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The completion script of a shell. */
export function completionScript(shell: Shell, commands: readonly CommandText[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](commands);
}

/** Includes `--no-check` if the description mentions it. */
const namesOf = ({ names, description }: OptionText): string[] => [
  ...names,
  ...(/--no-[a-z-]+/.exec(description) ?? []),
];

const firstWords = (commands: readonly CommandText[]): string[] => [
  ...new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")),
];

const secondWords = (commands: readonly CommandText[], first: string): string[] => [
  ...commands.flatMap(({ name }) =>
    name.startsWith(`${first} `) ? [name.split(" ")[1] ?? ""] : [],
  ),
  ...operandWords(commands, first),
];

/** The values of an option, if its description lists them: "auto, always or never". */
const choicesOf = ({ value, description }: OptionText): string[] => {
  const [list] = /(?:[a-z_]+, )+[a-z_]+ or [a-z_]+/.exec(description) ?? [];
  return value === null || list === undefined ? [] : list.split(/, | or /);
};

/** For each shell pattern of "command option", the values of the option. */
function choiceCases(commands: readonly CommandText[]): [pattern: string, words: string][] {
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

const takesPostings = (commands: readonly CommandText[], first: string): boolean =>
  takes(commands, first, /posting/);

/** Whether the operands of a command match. */
const takes = (commands: readonly CommandText[], first: string, operand: RegExp): boolean =>
  commands.some(({ name, operands }) => name === first && operand.test(operands));

/** The options of all commands that begin with a word. */
function optionsOf(commands: readonly CommandText[], first: string): OptionText[] {
  const found = commands.filter(({ name }) => name.split(" ")[0] === first);
  const options = found.flatMap(({ options }) => options);
  return [...new Map(options.map((option) => [option.names.join(), option])).values()];
}

function bashScript(commands: readonly CommandText[]): string {
  const cases = firstWords(commands).map((first) => {
    const all = optionsOf(commands, first);
    const options = all.flatMap(namesOf).join(" ");
    const words = secondWords(commands, first).join(" ");
    const postings = takesPostings(commands, first) ? " lists=postings;" : "";
    const pools = takes(commands, first, /\bpool\b/) ? " lists=pools;" : "";
    const entry = takes(commands, first, /file\.ts#name/) ? " entry=1;" : "";
    return `    ${first}) options="${options}"; words="${words}";${postings}${pools}${entry} ;;`;
  });
  const choices = choiceCases(commands).map(
    ([pattern, words]) => `    ${pattern}) choices="${words}" ;;`,
  );
  return `# bash completion for pdoflow: source <(pdoflow completions bash)
${bashList}_pdoflow() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local options="" words="" choices="" lists="" entry="" posting="" line typed
  COMPREPLY=()
  # Bash may treat @ as a separate word, although it replaces the text from the @ on.
  line="\${COMP_LINE:0:COMP_POINT}"
  read -ra typed <<< "$line"
  [[ $cur == @* || $prev == @ ]] && cur=@\${line##*@}
  [[ $prev == @ ]] && prev=\${COMP_WORDS[COMP_CWORD-2]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${firstWords(commands).join(" ")} help --help --version" -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  case "\${COMP_WORDS[1]} $prev" in
${choices.join("\n")}
    *" --group")
      for posting in "\${typed[@]:2}"; do
        [[ $posting == [0-9@l]* || $posting == --group ]] && break
      done
      [ "$posting" = --group ] && posting=last
      _pdoflow_list groups "$posting"
      return ;;
    "pool --posting"|"run --resume") lists=postings ;;
  esac
${bashReply}`;
}

/**
 * Adds the candidates that the program prints. Names are from other users: compgen -W would run the
 * commands in them.
 */
const bashList = `_pdoflow_list() {
  local word
  while IFS=$'\\t' read -r word _; do
    [[ $word == "$cur"* ]] && printf -v word %q "$word" && COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" completions "$@" 2>/dev/null </dev/null)
}
`;

/** The end of the completion function, which no command changes. */
const bashReply = `  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help --help-all" -- "$cur"))
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [ "$lists" = postings ]; then
    COMPREPLY=($(compgen -W last -- "$cur"))
    _pdoflow_list postings
  elif [ "$lists" = pools ]; then
    _pdoflow_list pools
  elif [[ -n $entry && $cur == *#* ]]; then
    _pdoflow_list exports "$cur"
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
    if [[ -n $entry && \${#COMPREPLY[@]} -eq 1 && $COMPREPLY =~ \\.[cm]?[jt]sx?$ ]]; then
      COMPREPLY=("$COMPREPLY#")
      compopt +o filenames -o nospace 2>/dev/null
    fi
  fi
}
complete -F _pdoflow pdoflow
`;

/** In single quotes, which work in all three shells. */
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
    const postings = takesPostings(commands, first) ? " postings=1;" : "";
    return `    ${first}) options=(${options.join(" ")}); words_=(${words});${postings} ;;`;
  });
  const choices = choiceCases(commands).map(
    ([pattern, words]) => `    ${pattern}) choices=(${words}) ;;`,
  );
  return `#compdef pdoflow
# zsh completion for pdoflow: source <(pdoflow completions zsh)
_pdoflow() {
  local -a options words_ firsts choices found
  local postings line
  firsts=(${firsts.join(" ")})
  if (( CURRENT == 2 )); then
    _describe command firsts
    return
  fi
  case $words[2] in
${cases.join("\n")}
  esac
  case "$words[2] $words[CURRENT-1]" in
${choices.join("\n")}
  esac
  if (( $#choices > 0 )); then
    _describe value choices
  elif [[ $PREFIX == -* ]]; then
    _describe option options
  elif (( CURRENT == 3 && $#words_ > 0 )); then
    _describe command words_
  elif [[ -n $postings ]]; then
    found=(last)
    for line in "\${(@f)$($words[1] completions postings 2>/dev/null </dev/null)}"; do
      [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    done
    _describe posting found
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
      ...(takesPostings(commands, first)
        ? [`complete -c pdoflow ${seen} -f -a "last (pdoflow completions postings 2>/dev/null)"`]
        : []),
      ...optionsOf(commands, first).flatMap((option) =>
        namesOf(option).map((name) => {
          const flag = name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
          const choices = choicesOf(option).join(" ");
          const given = choices === "" ? " -r" : ` -x -a ${quoted(choices)}`;
          const value = option.value === null ? "" : given;
          return `complete -c pdoflow ${seen} ${flag}${value} -d ${fishText(option.description)}`;
        }),
      ),
    ];
  });
  return `# fish completion for pdoflow: pdoflow completions fish | source\n${lines.join("\n")}\n`;
}

const fishText = (text: string): string =>
  `'${text.replaceAll("`", "").replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
