import { lineAt, type Source } from "./source.ts";

/** The words of each command, as in "post" or "posting list", from its `static paths`. */
export const commandsOf = (sources: readonly Source[]): string[] =>
  sources
    .filter(({ path }) => path.startsWith("src/cli/"))
    .flatMap(({ text }) => [...text.matchAll(/static override paths = \[([^;]*)\];/g)])
    .flatMap(({ 1: paths = "" }) => [...paths.matchAll(/\[([^\]]*)\]/g)])
    .map(({ 1: words = "" }) => [...words.matchAll(/"([^"]+)"/g)].map(([, word]) => word).join(" "))
    .filter((command) => /^[a-z]/.test(command)); // clipanion's --help and --version are flags

/** Commands that are named and do not exist: in code spans, blocks, and the messages of sources. */
export function unknownCommands({ path, text }: Source, commands: readonly string[]): string[] {
  const named = path.endsWith(".md") ? namedInMarkdown(text) : namedInSource(text);
  return named
    .filter(({ words }) => !commands.some((command) => `${words} `.startsWith(`${command} `)))
    .map(
      ({ words, index }) =>
        `${path}:${lineAt(text, index)}: there is no command "pdoflow ${words}". ` +
        `Name one of: ${commands.join(", ")}.`,
    );
}

interface Named {
  words: string;
  index: number;
}

const inMarkdown = /^```[^\n]*\n([^]*?)^```|`([^`\n]+)`/gm;
const command = /(?:^|[\s/$("'])pdoflow((?: [a-z][a-z-]*)+)/gm;

const namedInMarkdown = (text: string): Named[] =>
  [...text.matchAll(inMarkdown)].flatMap(({ 0: whole, index }) =>
    [...whole.replaceAll("`", " ").matchAll(command)].map((found) => ({
      words: (found[1] ?? "").trim(),
      index: index + found.index + 1,
    })),
  );

/** `Run: pdoflow migrate`, and clipanion's `$0 migrate` in usages. */
const namedInSource = (text: string): Named[] =>
  [...text.matchAll(/(?:\bRun: pdoflow|\$0)((?: [a-z][a-z-]*)+)/g)].map(
    ({ 1: words = "", index }) => ({ words: words.trim(), index }),
  );

/** Where README.md's table of exit codes and src/domain/errors.ts differ. */
export function exitCodeFaults(readme: string, codes: Readonly<Record<string, number>>): string[] {
  const [, section = ""] = /^#+ [^\n]*exit code[^\n]*\n([^]*?)(?=^#|$(?![^]))/im.exec(readme) ?? [];
  const rows = [...section.matchAll(/^\|\s*`?(\d+)`?\s*\|/gm)].map(([, code]) => Number(code));
  const known = Object.entries(codes);
  return [
    ...known
      .filter(([, code]) => !rows.includes(code))
      .map(
        ([name, code]) =>
          `README.md lacks exit code ${code} (${name}). Add a row "| ${code} | …" to the table ` +
          `under its heading "Exit codes".`,
      ),
    ...rows
      .filter((row) => !known.some(([, code]) => code === row))
      .map((row) => `README.md has an exit code ${row} that errors.ts lacks. Remove its row.`),
  ];
}

const named = /`((?:src|sql|test|tui|build|bench|docs)\/[\w./-]+|[\w.-]+\.ts)`/g;

/** Files and folders that a document names and that do not exist. Bare names are of the product. */
export const unknownPaths = ({ path, text }: Source, paths: readonly string[]): string[] =>
  [...text.matchAll(named)].flatMap(({ 1: name = "", index }) => {
    const bare = name.replace(/\/$/, "");
    const isThere = paths.some(
      (each) => each === bare || each.startsWith(`${bare}/`) || each.endsWith(`/${bare}`),
    );
    return isThere ? [] : [`${path}:${lineAt(text, index)}: ${name} does not exist`];
  });

const placed = /((?:`[\w.]+`(?:,\s|\sand\s)?)+)\sin\s`([\w./-]+\.(?:ts|sql))`/g;

/** Names that a document looks for in a file, as in "`claim` in `sql/engine/claim.sql`". */
export const misplacedNames = (
  { path, text }: Source,
  textOf: (file: string) => string | undefined,
): string[] =>
  [...text.matchAll(placed)].flatMap(({ 1: names = "", 2: file = "", index }) =>
    (names.match(/[\w.]+/g) ?? [])
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(textOf(file) ?? name))
      .map((name) => `${path}:${lineAt(text, index)}: ${name} is not in ${file}`),
  );
