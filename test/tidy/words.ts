import { codeLines, type Source } from "./source.ts";

interface Ban {
  word: RegExp;
  /** The paths in which it is banned. */
  where: RegExp;
  remedy: string;
}

/** What oxlint has no rule for; the other bans are in .oxlintrc.json. */
const bans: readonly Ban[] = [
  {
    word: /\bsql\.file\(/,
    where: /./,
    remedy: "A binary has no folder to read: import the .sql as text.",
  },
  {
    word: /\bpostgres\.(camel|pascal|kebab|toPascal|toKebab)\b/,
    where: /./,
    remedy: "It renames keys inside jsonb, which are users' data: transform columns only.",
  },
  {
    word: /\bnew Date\(\s*\)/,
    where: /^src\/domain\//,
    remedy: "The domain has no clock: take the moment as a parameter.",
  },
  { word: /\bas never\b/, where: /./, remedy: "Make the types agree." },
];

/** The banned words of a file. */
export const wordFaults = (source: Source): string[] =>
  bans
    .filter(({ where }) => where.test(source.path))
    .flatMap(({ word, remedy }) =>
      codeLines(source)
        .filter(({ line }) => word.test(line))
        .map(({ number }) => `${source.path}:${number}: ${word.source}. ${remedy}`),
    );
