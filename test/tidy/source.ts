/** A file of the repository: its path from the root, as in "src/db/connection/connect.ts", and its text. */
export interface Source {
  path: string;
  text: string;
}

/** The number, from 1, of the line that holds the character at `index`. */
export const lineAt = (text: string, index: number): number =>
  text.slice(0, index).split("\n").length;

/** The lines that are code, perhaps with a comment after it, with their numbers from 1. */
export const codeLines = ({ text }: Source): { line: string; number: number }[] =>
  text
    .split("\n")
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => !/^\s*(\/\/|\/?\*)/.test(line));
