// The texts made from the commands' own descriptions: docs/cli.md, the manual page, completions.
import { join } from "node:path";

import { completionScript, shells } from "../src/cli/shell/completion-scripts.ts";
import { helpPage, optionName, optionRows, usageOf } from "../src/cli/shell/help.ts";
import { allCommandTexts, type CommandText, isCommon } from "../src/cli/shell/reference.ts";
import { commands } from "../src/cli/commands.ts";

/** The files that go beside the binary, by their paths from its folder. */
export async function installedPages(): Promise<Map<string, string>> {
  const texts = await allCommandTexts(commands);
  return new Map([
    ["man/pdoflow.1", manual(texts)],
    ...shells.map(
      (shell) => [`completions/pdoflow.${shell}`, completionScript(shell, texts)] as const,
    ),
  ]);
}

/** The text of docs/cli.md, the only one of these pages that git keeps. */
export const referencePage = async (): Promise<string> =>
  reference(await allCommandTexts(commands));

function reference(texts: readonly CommandText[]): string {
  const pageOf = (text: CommandText) => helpPage(text).split("\n").slice(2).join("\n").trimEnd();
  const common = texts[0]?.options.filter(isCommon) ?? [];
  const parts = texts.map((text) => {
    const page = pageOf({ ...text, options: text.options.filter((each) => !isCommon(each)) });
    return `## pdoflow ${text.name}\n\n${text.summary}\n\n\`\`\`text\n${page}\n\`\`\`\n`;
  });
  return [
    "# Commands\n",
    "<!-- made by: bun run docs -->\n",
    "All commands have these options:\n",
    `\`\`\`text\n${optionRows(common, 100).join("\n")}\n\`\`\`\n`,
    ...parts,
  ].join("\n");
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
  await Bun.write(join(import.meta.dir, "../docs/cli.md"), await referencePage());
}
