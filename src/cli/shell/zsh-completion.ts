import {
  choiceCases,
  firstWords,
  listOf,
  namesOf,
  optionsOf,
  postingOptions,
  quoted,
  secondWords,
  takesEntry,
} from "./completed-words.ts";
import type { CommandText } from "./reference.ts";

export function zshScript(commands: readonly CommandText[]): string {
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
    const list = listOf(commands, first);
    const lists = list === null ? "" : ` lists=${list};`;
    const entry = takesEntry(commands, first) ? " entry=1;" : "";
    return `    ${first}) options=(${options.join(" ")}); words_=(${words});${lists}${entry} ;;`;
  });
  const choices = choiceCases(commands).map(
    ([pattern, words]) => `    ${pattern}) choices=(${words}) ;;`,
  );
  return `#compdef pdoflow
# zsh completion for pdoflow: source <(pdoflow completions zsh)
${zshList}_pdoflow() {
  local -a options words_ firsts choices found
  local lists entry posting program=$words[1]
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
    *" --group")
      posting=\${words[3,CURRENT-2][(r)(<->*|@*|last*)]:-last}
      _pdoflow_list groups $posting
      return ;;
    ${postingOptions.map((option) => `"${option}"`).join("|")}) lists=postings words_=() ;;
  esac
${zshReply}`;
}

/** Offers the candidates that the program prints, with their descriptions. */
const zshList = `_pdoflow_list() {
  local line
  local -a found
  [[ $1 == (postings|flows) ]] && found=(last)
  for line in "\${(@f)$($program completions "$@" 2>/dev/null </dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe $1 found
}
`;

/** The end of the completion function, which no command changes. */
const zshReply = `  if (( $#choices > 0 )); then
    _describe value choices
  elif [[ $PREFIX == -* ]]; then
    _describe option options
  elif (( CURRENT == 3 && $#words_ > 0 )); then
    _describe command words_
  elif [[ $lists == flows ]] && [[ $CURRENT != 4 || $words[3] == post ]]; then
    _files
  elif [[ -n $lists ]]; then
    _pdoflow_list $lists
  elif [[ -n $entry && $PREFIX == *\\#* ]]; then
    found=("\${(@f)$($program completions exports "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    compadd -a found
  elif [[ -n $entry && -z \${words[3,CURRENT-1][(r)*\\#*]} ]]; then
    _files -S '#' -g '*.(|c|m)(j|t)s(|x)' || _files
  else
    _files
  fi
}
if [[ $funcstack[1] == _pdoflow ]]; then _pdoflow "$@"; else compdef _pdoflow pdoflow; fi
`;
