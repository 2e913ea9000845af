import {
  choicesOf,
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

export function fishScript(commands: readonly CommandText[]): string {
  const lines = firstWords(commands).flatMap((first) => {
    const texts = commands.filter(({ name }) => name.split(" ")[0] === first);
    const summary = texts.map((text) => text.summary).join("; ");
    const seen = `-n ${quoted(`__fish_seen_subcommand_from ${first}`)}`;
    return [
      `complete -c pdoflow -n __fish_use_subcommand -f -a ${first} -d ${fishText(summary)}`,
      ...secondWords(commands, first).map((word) => `complete -c pdoflow ${seen} -f -a ${word}`),
      ...operandLines(commands, first).map((line) => `complete -c pdoflow ${seen} ${line}`),
      ...optionsOf(commands, first).flatMap((option) =>
        namesOf(option).map((name) => {
          const flag = name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
          const choices = listed(first, name) ?? choicesOf(option).join(" ");
          const given = choices === "" ? " -r" : ` -x -a ${quoted(choices)}`;
          const value = option.value === null ? "" : given;
          return `complete -c pdoflow ${seen} ${flag}${value} -d ${fishText(option.description)}`;
        }),
      ),
    ];
  });
  return `# fish completion for pdoflow: pdoflow completions fish | source
${fishLists}${lines.join("\n")}
`;
}

const postings = "last (pdoflow completions postings 2>/dev/null)";

/** The operands of a command that the program can list. */
function operandLines(commands: readonly CommandText[], first: string): string[] {
  const list = listOf(commands, first);
  if (list === "pools") return ['-f -a "(pdoflow completions pools 2>/dev/null)"'];
  if (list === "flows") return ['-a "last (pdoflow completions flows 2>/dev/null)"'];
  if (list === "postings") return [`-f -a "${postings}"`];
  return takesEntry(commands, first) ? ['-a "(__pdoflow_exports)"'] : [];
}

/** The values of an option that the program can list. */
function listed(first: string, name: string): string | null {
  if (name === "--group") return "(__pdoflow_groups)";
  return postingOptions.some((option) => option === `${first} ${name}`) ? postings : null;
}

const fishLists = `function __pdoflow_exports
  set -l word (commandline -ct)
  set -l before (commandline -opc)
  string match -q -- '*#*' $before; and return
  string match -q -- '*#*' $word; or set word (__pdoflow_code $word)
  test (count $word) -eq 1; and pdoflow completions exports $word 2>/dev/null </dev/null
end
function __pdoflow_code # files of code that begin with the word
  set -l files $argv[1]*
  string match -r -- '.*\\.[cm]?[jt]sx?$' $files
end
function __pdoflow_groups
  set -l posting last
  for word in (commandline -opc)[3..]
    string match -qr -- '^(\\d|@|last)' $word; and set posting $word; and break
  end
  pdoflow completions groups $posting 2>/dev/null </dev/null
end
`;

const fishText = (text: string): string =>
  `'${text.replaceAll("`", "").replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
