import { lineAt, type Source, type Views, viewsOf } from "./source.ts";

interface Ban {
  word: RegExp;
  /** The paths where it is banned. */
  where: RegExp;
  /** By default "code". */
  view?: keyof Views;
  remedy: string;
}

const product = /^(src|tui)\//;
const everywhere = /./;

const bans: readonly Ban[] = [
  {
    word: /\bsql\.file\b/,
    where: everywhere,
    remedy: "A binary has no folder to read: import the .sql as text.",
  },
  {
    word: /\bsql\.unsafe\b/,
    where: /^(?!src\/db\/migrations\.ts$)(src|tui)\//,
    remedy: "Write the statement as sql`…`, with its values as parameters.",
  },
  {
    word: /\bpostgres\.(camel|pascal|kebab|toPascal|toKebab)\b/,
    where: everywhere,
    remedy: "It renames keys inside jsonb, which are users' data: transform columns only.",
  },
  {
    word: /\bconsole\./,
    where: product,
    remedy: "Data goes through print and messages through say (src/cli/command.ts).",
  },
  {
    word: /\bprocess\.exit\(/,
    where: /^(?!src\/main\.ts$)(src|tui)\//,
    remedy: "Return or throw: src/main.ts alone ends the process.",
  },
  {
    word: /\b(process\.(env|argv)|Bun\.(env|argv)|import\.meta\.env)\b/,
    // The library has no main: it runs in somebody else's process.
    where: /^(?!src\/(main\.ts$|library\/))(src|tui)\//,
    remedy: "Take it as a parameter: src/main.ts reads the environment and the arguments.",
  },
  {
    word: /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\brandomUUID\b/,
    where: /^src\/domain\//,
    remedy: "The domain has no clock and no dice: take the moment or the number as a parameter.",
  },
  {
    word: /(?:[:<|&]|\bas\b|=>)\s*any\b|\bany\s*(?:\[\]|>)/,
    where: everywhere,
    remedy: "Say the type, or take unknown and parse it (src/domain/parse.ts).",
  },
  { word: /\bas never\b/, where: everywhere, remedy: "Make the types agree." },
  {
    word: /\bexport default\b|\bas default\b/,
    where: /^(?!src\/sql\.d\.ts$)/,
    remedy: "Export it by its name, which is then the same everywhere.",
  },
  {
    word: /\b(TODO|FIXME|XXX|HACK)\b/,
    where: everywhere,
    view: "comments",
    remedy: "Do it now, or write it down where it will be found: in an issue.",
  },
  {
    word: /\b(test|it|describe)\.(skip|todo|only)\b/,
    where: everywhere,
    remedy: "Repair or remove the test. For one that needs a system: test.skipIf, and say why.",
  },
];

/** What a file says that it may not say. */
export function wordFaults({ path, text }: Source): string[] {
  const views = viewsOf(text);
  return bans
    .filter(({ where }) => where.test(path))
    .flatMap(({ word, view = "code", remedy }) =>
      [...views[view].matchAll(new RegExp(word, "g"))].map(
        ({ 0: found, index }) => `${path}:${lineAt(text, index)}: ${found.trim()}. ${remedy}`,
      ),
    );
}
