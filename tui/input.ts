/** A piece of terminal input: one key or click, or pasted text. */
export type Piece = { kind: "sequence"; text: string } | { kind: "paste"; text: string };

const pasteStart = "\u001b[200~";
const pasteEnd = "\u001b[201~";
/** Longer than any known sequence: longer input is not a sequence. */
const longestSequence = 64;

const whole = new RegExp(
  [
    String.raw`^\u001b+\[\[[A-E]`, // the function keys of Linux
    String.raw`^\u001b+\[M[\s\S]{3}`, // the oldest mouse
    String.raw`^\u001b+\[[\d;:<=>?]*[ -/]*[@-~$^]`,
    String.raw`^\u001b+[ON]\d?[ -~]`,
    String.raw`^\u001b[^\u001b[ON]`, // Alt and a letter
  ].join("|"),
  "u",
);
const begun = new RegExp(
  String.raw`^\u001b+(?:[ON]\d?|\[(?:M[\s\S]{0,2}|\[?|[\d;:<=>?]*[ -/]*))?$`,
);

/**
 * Splits input into single keys: several may come in one piece, and one in several. `rest` is the
 * beginning of a key whose end has not arrived.
 */
export function splitInput(text: string): { pieces: Piece[]; rest: string } {
  const pieces: Piece[] = [];
  let left = text;
  while (left !== "") {
    if (left.startsWith(pasteStart)) {
      const end = left.indexOf(pasteEnd);
      if (end < 0) return { pieces, rest: left };
      pieces.push({ kind: "paste", text: left.slice(pasteStart.length, end) });
      left = left.slice(end + pasteEnd.length);
      continue;
    }
    if (begun.test(left) && left.length < longestSequence) return { pieces, rest: left };
    const found = left.startsWith("\u001b")
      ? (whole.exec(left)?.[0] ?? "\u001b")
      : String.fromCodePoint(left.codePointAt(0) ?? 0);
    pieces.push({ kind: "sequence", text: found });
    left = left.slice(found.length);
  }
  return { pieces, rest: "" };
}
