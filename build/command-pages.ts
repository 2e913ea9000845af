// The texts made from the commands' own descriptions: docs/cli.md, the manual page, completions.
import { join } from "node:path";

import { completionScript, shells } from "../src/cli/shell/completion-scripts.ts";
import { helpPage, optionName, optionRows, usageOf } from "../src/cli/shell/help.ts";
import { isCommon } from "../src/cli/shell/option-groups.ts";
import { allCommandTexts, type CommandText, type OptionText } from "../src/cli/shell/reference.ts";
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

/** One page for all commands, in the macros of man(7). Shared options are described once. */
function manual(texts: readonly CommandText[]): string {
  const common = texts[0]?.options.filter(isCommon) ?? [];
  const shared = sharedBy(texts, "post", "run");
  const commandParts = texts.flatMap((text) => {
    const { name, summary, operands, details, options, examples } = text;
    const hasShared = ["post", "run"].includes(name);
    const own = options.filter(
      (option) => !isCommon(option) && !(hasShared && shared.has(keyOf(option))),
    );
    return [
      `.SS ${roff(usageOf(name, operands))}`,
      roff(summary),
      ...details.flatMap((paragraph) => [".PP", roff(paragraph)]),
      ...manualRows(own),
      ...(hasShared ? [".PP", `For its other options see ${jobOptions}.`] : []),
      ...examples.flatMap(([what, line]) => [".TP", roff(what), `.B ${roff(line)}`]),
    ];
  });
  return [
    '.TH PDOFLOW 1 "" "pdoflow" "pdoflow"',
    ".SH NAME",
    String.raw`pdoflow \- a job queue for batch compute on PostgreSQL`,
    ".SH SYNOPSIS",
    ".B pdoflow",
    "COMMAND [options]",
    ".SH COMMON OPTIONS",
    "All commands have these options.",
    ...manualRows(common),
    ".SH COMMANDS",
    ...commandParts,
    `.SH ${jobOptions}`,
    "pdoflow post and pdoflow run have these options.",
    ...manualRows([...shared.values()]),
    "",
  ].join("\n");
}

const jobOptions = "OPTIONS OF POST AND RUN";

const manualRows = (options: readonly OptionText[]): string[] =>
  options.flatMap((option) => [".TP", `.B ${roff(optionName(option))}`, roff(option.description)]);

const keyOf = (option: OptionText): string => `${optionName(option)}: ${option.description}`;

/** The options that two commands describe in the same words, except common options. */
function sharedBy(texts: readonly CommandText[], one: string, other: string) {
  const optionsOf = (command: string) =>
    texts.find(({ name }) => name === command)?.options.filter((each) => !isCommon(each)) ?? [];
  const keys = new Set(optionsOf(other).map(keyOf));
  return new Map(
    optionsOf(one).flatMap((option) =>
      keys.has(keyOf(option)) ? [[keyOf(option), option] as const] : [],
    ),
  );
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
