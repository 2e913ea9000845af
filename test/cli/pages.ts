// Writes what is made of the commands' own descriptions: bun run docs
import { join } from "node:path";

import { helpPage, optionName, usageOf } from "../../src/cli/help.ts";
import { completionScript, shells } from "../../src/cli/completion-scripts.ts";
import { allCommandTexts, type CommandText } from "../../src/cli/reference.ts";
import { commands } from "../../src/cli/run.ts";

export const root = join(import.meta.dir, "../..");

/** Each file, by its path from the root. */
export async function pages(): Promise<Map<string, string>> {
  const texts = await allCommandTexts(commands);
  return new Map([
    ["docs/cli.md", reference(texts)],
    ["man/pdoflow.1", manual(texts)],
    ...shells.map(
      (shell) => [`completions/pdoflow.${shell}`, completionScript(shell, texts)] as const,
    ),
    ...texts.map(
      (text) => [`test/cli/help/${text.name.replace(" ", "-")}.txt`, helpPage(text)] as const,
    ),
  ]);
}

function reference(texts: readonly CommandText[]): string {
  const parts = texts.map((text) => {
    const page = helpPage(text).split("\n").slice(2).join("\n").trimEnd();
    return `## pdoflow ${text.name}\n\n${text.summary}\n\n\`\`\`text\n${page}\n\`\`\`\n`;
  });
  return `# Commands\n\n<!-- made by: bun run docs -->\n\n${parts.join("\n")}`;
}

/** One page for all commands, in the macros of man(7). */
function manual(texts: readonly CommandText[]): string {
  const commandParts = texts.flatMap(({ name, summary, operands, details, options, examples }) => [
    `.SS ${roff(usageOf(name, operands))}`,
    roff(summary),
    ...details.flatMap((paragraph) => [".PP", roff(paragraph)]),
    ...options.flatMap((option) => [
      ".TP",
      `.B ${roff(optionName(option))}`,
      roff(option.description),
    ]),
    ...examples.flatMap(([what, line]) => [".TP", roff(what), `.B ${roff(line)}`]),
  ]);
  return [
    '.TH PDOFLOW 1 "" "pdoflow" "pdoflow"',
    ".SH NAME",
    String.raw`pdoflow \- a job queue for batch compute on PostgreSQL`,
    ".SH SYNOPSIS",
    ".B pdoflow",
    "COMMAND [options]",
    ".SH COMMANDS",
    ...commandParts,
    "",
  ].join("\n");
}

const roff = (text: string): string =>
  text
    .replaceAll("`", "")
    .replaceAll("\\", String.raw`\e`)
    .replaceAll("-", String.raw`\-`)
    .replace(/^(?=[.'])/, String.raw`\&`);

if (import.meta.main) {
  for (const [path, text] of await pages()) await Bun.write(join(root, path), text);
}
