/** A file of the repository: its path from the root, as in "src/db/connect.ts", and its text. */
export interface Source {
  path: string;
  text: string;
}

/** A source in two views of the same length and the same lines as its text. */
export interface Views {
  /** Without comments and without what is inside of strings and regular expressions. */
  code: string;
  /** Comments alone. */
  comments: string;
}

type Kind = "code" | "comment" | "quoted";
type Piece = readonly [kind: Kind, text: string];

/** Takes TypeScript apart far enough to tell code from comments and strings. */
export function viewsOf(text: string): Views {
  let code = "";
  let comments = "";
  for (const [kind, piece] of pieces(text)) {
    code += kind === "code" ? piece : kind === "quoted" ? hollow(piece) : blank(piece);
    comments += kind === "comment" ? piece : blank(piece);
  }
  return { code, comments };
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** Keeps the first and last character, which are the quotes. */
const hollow = (text: string): string =>
  text.length < 2 ? text : (text[0] ?? "") + blank(text.slice(1, -1)) + (text.at(-1) ?? "");

const comment = /\/\/.*|\/\*[^]*?\*\//y;
const quoted = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const regularExpression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** From a backtick, or from the brace that ends an insertion, to the next of their kind. */
const template = /[`}](?:\\[^]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y;
const plain = /[^"'`/{}]+|[/{}"'`]/y;

/** What may stand before a regular expression; elsewhere a slash divides. */
const beforeExpression =
  /(?:^|[(,=:[!&|?{;+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/;

function* pieces(text: string): Generator<Piece> {
  let at = 0;
  // How many braces are open in each template's insertion that we are in.
  const depths: number[] = [];
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  while (at < text.length) {
    const character = text[at];
    const depth = depths.at(-1);
    if (character === "`" || (character === "}" && depth === 0)) {
      if (character === "}") depths.pop();
      const found = take(template);
      if (found?.endsWith("${")) depths.push(0);
      if (found) yield ["quoted", found];
      else yield ["code", take(plain) ?? ""];
      continue;
    }
    if (depth !== undefined && character === "{") depths[depths.length - 1] = depth + 1;
    if (depth !== undefined && character === "}") depths[depths.length - 1] = depth - 1;
    const found = take(comment);
    if (found) yield ["comment", found];
    else yield literal(text.slice(Math.max(0, at - 40), at), take);
  }
}

function literal(before: string, take: (pattern: RegExp) => string | undefined): Piece {
  const found =
    take(quoted) ?? (beforeExpression.test(before) ? take(regularExpression) : undefined);
  return found ? ["quoted", found] : ["code", take(plain) ?? ""];
}

/** The number, from 1, of the line that holds the character at `index`. */
export const lineAt = (text: string, index: number): number =>
  text.slice(0, index).split("\n").length;
