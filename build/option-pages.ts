// The tables of options in docs/library.md and docs/sql.md, from the docstrings of the options.
import { join } from "node:path";

import { optionList } from "../src/domain/posting-options.ts";

const root = join(import.meta.dir, "..");
const docstring = /^ {2}\/\*\*((?:(?!\*\/).)*)\*\/\n {2}(\w+)\??:/gms;

/** The text of each docstring of a file, without its line breaks, by the name that it describes. */
async function docstringsOf(file: string): Promise<Map<string, string>> {
  const text = await Bun.file(join(root, file)).text();
  return new Map(
    [...text.matchAll(docstring)].map(([, doc = "", name = ""]) => [
      name,
      doc
        .replaceAll(/\n {3}\*/g, " ")
        .replaceAll(/\s+/g, " ")
        .trim(),
    ]),
  );
}

/** docs/library.md and docs/sql.md, each with its present table, by their paths. */
export async function optionPages(): Promise<Map<string, string>> {
  const docs = await docstringsOf("src/domain/posting-options.ts");
  const ofLibrary = await docstringsOf("src/library/post/post-work.ts");
  const listed = optionList.filter(({ api }) => api !== "none");
  const rows = listed.map((option) => {
    const doc = docs.get(option.name);
    if (doc === undefined) throw new Error(`the option ${option.name} has no docstring`);
    return { ...option, doc };
  });
  const others = [...ofLibrary].filter(([name]) => !docs.has(name));
  return new Map([
    await pageWith("docs/library.md", [
      ...rows.filter(({ api }) => api !== "sql").map(({ name, doc }) => [name, doc] as const),
      ...others,
    ]),
    await pageWith(
      "docs/sql.md",
      rows.map(({ name, doc }) => [name, doc] as const),
    ),
  ]);
}

async function pageWith(
  path: string,
  rows: readonly (readonly [name: string, doc: string])[],
): Promise<readonly [path: string, text: string]> {
  const lines = rows.map(([name, doc]) => `| \`${name}\` | ${withLinks(doc)} |\n`);
  const page = await Bun.file(join(root, path)).text();
  const table = `| option | meaning |\n| --- | --- |\n${lines.join("")}`;
  return [join(root, path), page.replace(/^\| option +\|.*?\n(?=\n)/ms, () => table)];
}

/** A page is named with its folder in code, and is a link in other pages. */
const withLinks = (doc: string) => doc.replaceAll(/docs\/(\w+\.md)/g, "[$1]($1)");

if (import.meta.main) {
  for (const [path, text] of await optionPages()) await Bun.write(path, text);
}
