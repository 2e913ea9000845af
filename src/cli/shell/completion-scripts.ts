import {
  choiceCases,
  firstWords,
  listOf,
  namesOf,
  optionsOf,
  postingOptions,
  secondWords,
  takesEntry,
} from "./completed-words.ts";
import { fishScript } from "./fish-completion.ts";
import type { CommandText } from "./reference.ts";
import { zshScript } from "./zsh-completion.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The completion script of a shell. */
export function completionScript(shell: Shell, commands: readonly CommandText[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](commands);
}

function bashScript(commands: readonly CommandText[]): string {
  const cases = firstWords(commands).map((first) => {
    const all = optionsOf(commands, first);
    const options = all.flatMap(namesOf).join(" ");
    const words = secondWords(commands, first).join(" ");
    const list = listOf(commands, first);
    const lists = list === null ? "" : ` lists=${list};`;
    const entry = takesEntry(commands, first) ? " entry=1;" : "";
    return `    ${first}) options="${options}"; words="${words}";${lists}${entry} ;;`;
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
    ${postingOptions.map((option) => `"${option}"`).join("|")}) lists=postings ;;
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
  elif [[ $lists == flows && \${COMP_WORDS[2]} != post ]] &&
    (( \${#typed[@]} + (\${#cur} == 0) == 4 )); then
    COMPREPLY=($(compgen -W last -- "$cur"))
    _pdoflow_list flows
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
